//! Errors of a build attempt, classified by how to react.

use std::time::Duration;

use crate::Error;

/// The error of one attempt.
#[derive(Debug, Clone)]
pub(in crate::velox) enum AttemptError {
    /// Another attempt would fail in the same way.
    Permanent(Error),
    /// Probably as [`AttemptError::Permanent`]; but a server without access to its module proxy answers the same.
    /// Retry once after a pause.
    RetryOnce(Error),
    /// Retry after a pause, as often as the settings allow.
    Transient(RetryReason, Error),
    /// The inner error, and the server asks for a pause of at least this duration.
    RetryAfter(Duration, Box<AttemptError>),
    /// The same build is in progress at the server: ask again until it is done.
    InProgress,
    /// The file of the answer is missing or truncated: ask for a fresh build.
    FileGone(Error),
    /// The disk of the cache is full: this number of bytes is needed.
    DiskFull(u64, Error),
    /// The cache can't be written: store the artifact elsewhere.
    Storage(Error),
}

/// The label of `velox_retries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::velox) enum RetryReason {
    /// The server can't be reached.
    Connect,
    /// The server answers with an error that is not about this build.
    Server,
    /// The answer is not received completely.
    Download,
}

impl RetryReason {
    /// Returns the label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Server => "velox_server",
            Self::Download => "download",
        }
    }
}

impl AttemptError {
    /// Adds the pause that the server asked for, if a later attempt makes sense.
    pub(super) fn with_pause(self, pause: Option<Duration>) -> Self {
        match (self, pause) {
            (error @ (Self::Transient(..) | Self::InProgress), Some(pause)) => {
                Self::RetryAfter(pause, Box::new(error))
            }
            (error, _) => error,
        }
    }

    /// Splits off the pause that the server asked for.
    pub(super) fn split_pause(self) -> (Self, Duration) {
        match self {
            Self::RetryAfter(pause, error) => (*error, pause),
            error => (error, Duration::ZERO),
        }
    }

    /// The message of the inner error.
    pub(in crate::velox) fn message(&self) -> String {
        match self {
            Self::Permanent(error)
            | Self::RetryOnce(error)
            | Self::Transient(_, error)
            | Self::FileGone(error)
            | Self::DiskFull(_, error)
            | Self::Storage(error) => error.to_string(),
            Self::RetryAfter(_, error) => error.message(),
            Self::InProgress => "a build with the same configuration is in progress".to_owned(),
        }
    }

    /// A protocol violation, or a setting that does not fit the server.
    pub(super) fn remote(message: impl Into<String>) -> Self {
        Self::Permanent(Error::Remote(message.into()))
    }
}
