//! Errors in outcome files, from the leader to its followers. Each kind has a stable name.

use std::{io, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    error::{BuildFailure, Violation},
};

/// The limit of a stored compiler log; its end is stored.
const MAX_LOG: usize = 1 << 20;

/// An error in an outcome file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredError {
    kind: String,
    message: String,
    logs: String,
    http_status: u16,
    violations: Vec<(String, String)>,
}

impl StoredError {
    pub(super) fn from_error(error: &Error) -> Self {
        let mut stored = Self {
            kind: error_kind(error).into(),
            message: match error {
                Error::Internal(message) => message.clone(),
                _ => error.to_string(),
            },
            ..Self::default()
        };
        match error {
            Error::BuildFailed(build) => {
                stored.logs = tail(&build.logs, MAX_LOG).to_owned();
                stored.http_status = build.http_status;
            }
            Error::InvalidRequest(violations) => {
                stored.violations = violations
                    .iter()
                    .map(|one| (one.field.clone(), one.message.clone()))
                    .collect();
            }
            _ => {}
        }
        stored
    }

    pub(super) fn into_error(self) -> Error {
        let message = self.message;
        match self.kind.as_str() {
            "config" => Error::Config(message),
            "invalid_request" => Error::InvalidRequest(
                self.violations
                    .into_iter()
                    .map(|(field, message)| Violation { field, message })
                    .collect(),
            ),
            "build_failed" => Error::BuildFailed(BuildFailure {
                message,
                logs: self.logs,
                http_status: self.http_status,
            }),
            "timeout" => Error::Timeout(message),
            "cancelled" => Error::Cancelled(message),
            "queue_full" => Error::QueueFull(message),
            "remote" => Error::Remote(message),
            "state" => Error::State(message),
            "io" => Error::Io {
                context: "in the process that built this configuration".into(),
                source: Arc::new(io::Error::other(message)),
            },
            _ => Error::Internal(message),
        }
    }
}

/// Returns the stable name of an error, for files and status.
pub(in crate::velox) fn error_kind(error: &Error) -> &'static str {
    match error {
        Error::Config(_) => "config",
        Error::InvalidRequest(_) => "invalid_request",
        Error::BuildFailed(_) => "build_failed",
        Error::Timeout(_) => "timeout",
        Error::Cancelled(_) => "cancelled",
        Error::QueueFull(_) => "queue_full",
        Error::Remote(_) => "remote",
        Error::State(_) => "state",
        Error::Io { .. } => "io",
        Error::Internal(_) => "internal",
    }
}

/// Returns at most the last `limit` bytes of a text, cut at a character boundary.
pub(in crate::velox) fn tail(text: &str, limit: usize) -> &str {
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}
