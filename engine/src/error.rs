//! The one error type of the engine. Each variant is one exception class in PHP; the mapping
//! stands in the extension's `classes/exceptions.rs` and nowhere else. Errors are cloned, because
//! one failed build is told to everybody who waited for it.

use std::{borrow::Cow, fmt, io, sync::Arc};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by who has to act.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A setting is missing or bad; the message names its exact path and what would be right.
    #[error("{0}")]
    Config(String),
    /// The caller's request breaks the rules; nothing was sent anywhere.
    #[error("{}", Violation::join(.0))]
    InvalidRequest(Vec<Violation>),
    /// The build server has spoken: this configuration does not build.
    #[error("{0}")]
    BuildFailed(BuildFailure),
    /// A deadline passed. For a caller's own deadline the job goes on.
    #[error("{0}")]
    Timeout(String),
    /// The job was cancelled, or nobody waited for it any more.
    #[error("{0}")]
    Cancelled(String),
    /// A bounded queue is full; the message names it and its bound.
    #[error("{0}")]
    QueueFull(String),
    /// A server could not be reached or broke its protocol.
    #[error("{0}")]
    Remote(String),
    /// Not possible in this state of the process: after a fork, during shutdown, while preloading.
    #[error("{0}")]
    State(String),
    /// The operating system refused; the context names the file and what was tried.
    #[error("{context}: {source}")]
    Io {
        /// What was tried, with the path.
        context: String,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// A defect of ours: a job panicked. The log has the message and the place.
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

    /// Wraps a system error with what was tried.
    pub fn io(context: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            context: context.into(),
            source: Arc::new(source),
        }
    }
}

/// Adds what was tried to a system error.
pub trait IoContext<T> {
    /// Turns an [`io::Result`] into ours; `context` runs only on failure.
    ///
    /// # Errors
    /// [`Error::Io`] with the context, where there was an error.
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|source| Error::io(context(), source))
    }
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field as the caller wrote it: `plugins[3].tag`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl Violation {
    /// How many a message tells one by one, and how many bytes of each name and text; all of them are in the list.
    const MOST_TOLD: usize = 50;
    const MOST_BYTES: usize = 300;

    fn join(all: &[Self]) -> String {
        let told = all.iter().take(Self::MOST_TOLD).map(|one| {
            let [field, message] =
                [&one.field, &one.message].map(|text| shorten(text, Self::MOST_BYTES));
            format!("{field}: {message}")
        });
        let mut told: Vec<String> = told.collect();
        if let Some(more) = all.len().checked_sub(Self::MOST_TOLD + 1) {
            told.push(format!("and {} more", more + 1));
        }
        told.join("; ")
    }
}

/// The first `most` bytes of a text, up to a character's end, and a mark where that is not all of it. What others
/// say is of any length, and a message is for people.
#[must_use]
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// A build server's word that a configuration does not build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildFailure {
    /// Ends with what the compiler said.
    pub message: String,
    /// The whole log, as far as the server gave one.
    pub logs: String,
    /// HTTP status of the server's answer; 0 where there was none.
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
    fn a_message_stays_readable_however_much_is_wrong() {
        let wrong = |at: usize| Violation {
            field: format!("plugins[{at}].{}", "é".repeat(5000)),
            message: "must be a string".into(),
        };
        let few: Vec<Violation> = (0..2).map(wrong).collect();
        let said = Error::InvalidRequest(few).to_string();
        assert!(
            said.starts_with("plugins[0].éé") && said.contains("é…: must be a string; plugins[1].")
        );
        let many: Vec<Violation> = (0..10_000).map(wrong).collect();
        let said = Error::InvalidRequest(many).to_string();
        assert!(
            said.len() < 20_000 && said.ends_with("; and 9950 more"),
            "{}",
            said.len()
        );
        assert_eq!(shorten("aé", 2), "a…");
        assert_eq!(shorten("aé", 3), "aé");
    }
}
