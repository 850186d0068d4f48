//! The one error type of the engine. Each variant is one exception class in PHP; only the extension's
//! `api/exceptions.rs` maps them. Errors are cloned, because one failed build is returned to all its subscribers.

use std::{borrow::Cow, fmt, io, sync::Arc};

/// The engine's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The causes of failure, one for each reaction that a caller may choose.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A setting is missing or invalid; the message has its exact location and the expected value.
    #[error("{0}")]
    Config(String),
    /// The caller's request is invalid; no server was asked.
    #[error("{}", Violation::join(.0))]
    InvalidRequest(Vec<Violation>),
    /// The build server answered that this configuration does not build.
    #[error("{0}")]
    BuildFailed(BuildFailure),
    /// A deadline passed. For a caller's own deadline the job goes on.
    #[error("{0}")]
    Timeout(String),
    /// The job was cancelled, or its last subscriber went away.
    #[error("{0}")]
    Cancelled(String),
    /// A bounded queue is full; the message names it and its limit.
    #[error("{0}")]
    QueueFull(String),
    /// A server could not be reached or broke its protocol.
    #[error("{0}")]
    Remote(String),
    /// Not possible in this state of the process: after a fork, during shutdown, while preloading.
    #[error("{0}")]
    State(String),
    /// A system call failed; the context has the operation and the file.
    #[error("{context}: {source}")]
    Io {
        /// The operation, with the path.
        context: String,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// A defect of Pillion: a job panicked. The log has the message and the location.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The stable code that PHP sees in `getCode()`; listed in `docs/reference/errors.md`.
    #[must_use]
    pub const fn code(&self) -> i64 {
        match self {
            Self::Config(_) => 100,
            Self::InvalidRequest(_) => 200,
            Self::BuildFailed(_) => 300,
            Self::Timeout(_) => 400,
            Self::Cancelled(_) => 500,
            Self::QueueFull(_) => 600,
            Self::Remote(_) => 700,
            Self::State(_) => 800,
            Self::Io { .. } => 900,
            Self::Internal(_) => 999,
        }
    }

    /// Wraps a system error with the operation that failed.
    pub fn io(context: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            context: context.into(),
            source: Arc::new(source),
        }
    }
}

/// Adds the failed operation to a system error.
pub trait IoContext<T> {
    /// Turns an [`io::Result`] into a [`Result`]; `context` runs only on failure.
    ///
    /// # Errors
    /// [`Error::Io`] with the context if `self` is an error.
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|source| Error::io(context(), source))
    }
}

/// One invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field as the caller wrote it: `plugins[3].tag`.
    pub field: String,
    /// The violated rule.
    pub message: String,
}

impl Violation {
    /// Violations that a message lists; the error holds all of them.
    const MAX_LISTED: usize = 50;
    /// Bytes of each field name and text in a message.
    const MAX_TEXT_LEN: usize = 300;

    fn join(all: &[Self]) -> String {
        let listed = all.iter().take(Self::MAX_LISTED).map(|one| {
            let [field, message] =
                [&one.field, &one.message].map(|text| shorten(text, Self::MAX_TEXT_LEN));
            format!("{field}: {message}")
        });
        let mut listed: Vec<String> = listed.collect();
        if let Some(more) = all.len().checked_sub(Self::MAX_LISTED + 1) {
            listed.push(format!("and {} more", more + 1));
        }
        listed.join("; ")
    }
}

/// Returns the first `max` bytes of a text, up to a character boundary, with an ellipsis if it was longer. Texts of
/// servers and callers may be of any length, and a message must stay readable.
#[must_use]
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text.into();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message for an absent field names it, because the Velox plugin's does.
        match self.message.strip_suffix(&self.field) {
            Some(before) if before.ends_with(": ") => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.field, self.message),
        }
    }
}

/// A build server's answer that a configuration does not build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildFailure {
    /// Ends with the compiler's message.
    pub message: String,
    /// The whole log, if the server sent one.
    pub logs: String,
    /// HTTP status of the server's answer; 0 if there was none.
    pub http_status: u16,
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_length_is_bounded() {
        let violation = |at: usize| Violation {
            field: format!("plugins[{at}].{}", "é".repeat(5000)),
            message: "must be a string".into(),
        };
        let few: Vec<Violation> = (0..2).map(violation).collect();
        let message = Error::InvalidRequest(few).to_string();
        assert!(
            message.starts_with("plugins[0].éé")
                && message.contains("é…: must be a string; plugins[1].")
        );
        let many: Vec<Violation> = (0..10_000).map(violation).collect();
        let message = Error::InvalidRequest(many).to_string();
        assert!(
            message.len() < 20_000 && message.ends_with("; and 9950 more"),
            "{}",
            message.len()
        );
        assert_eq!(shorten("aé", 2), "a…");
        assert_eq!(shorten("aé", 3), "aé");
    }
}
