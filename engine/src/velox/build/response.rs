//! Classifies the server's answers. Connect's JSON over HTTP (connectrpc.com/docs/protocol, "Unary response" and "Error
//! codes"); the messages are those of the Velox server. There, a compile error and an unknown version are a 500
//! `internal`, distinguished from transient faults by the beginning of the message.

use serde::Deserialize;

use super::{
    error::{AttemptError, RetryReason},
    error_body::{ErrorBody, MAX_MESSAGE_BYTES, build_failure, one_line, printable, violations},
};
use crate::velox::flight::tail;
use crate::{Error, error::shorten};

/// Texts in the message of an error that the server, its network or its machine caused, and not the configuration.
const SERVER_FAULTS: [&str; 15] = [
    "context canceled",
    "context deadline exceeded",
    "signal: killed",
    "dial tcp",
    "i/o timeout",
    "connection reset by peer",
    "TLS handshake timeout",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "cannot allocate memory",
    "too many open files",
];

/// The answer to a finished build with the binary as a file of the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::velox) struct PathAnswer {
    /// Absolute, on the server's file system.
    #[serde(default)]
    pub(in crate::velox) path: String,
    /// The compiler's output, if the server sends it.
    #[serde(default)]
    pub(in crate::velox) logs: String,
}

/// Returns whether a content type is JSON, with any parameters.
pub(in crate::velox) fn is_json(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/json")
}

/// Parses a 200 with JSON.
pub(in crate::velox) fn parse_path(body: &[u8]) -> Result<PathAnswer, AttemptError> {
    let answer: PathAnswer = serde_json::from_slice(body).map_err(|error| {
        AttemptError::Transient(
            RetryReason::Download,
            Error::Remote(format!(
                "velox server answered 200 with JSON that can't be read: {}",
                // The message repeats a misplaced text completely.
                shorten(&error.to_string(), MAX_MESSAGE_BYTES)
            )),
        )
    })?;
    if answer.path.is_empty() {
        return Err(AttemptError::remote(
            "velox server answered 200 without a path to the binary",
        ));
    }
    if answer.path.len() >= libc::PATH_MAX as usize || answer.path.contains('\0') {
        return Err(AttemptError::remote(format!(
            "velox server answered with a path that no file can have: {:?}",
            shorten(&answer.path, 200)
        )));
    }
    Ok(answer)
}

/// Classifies an answer that is not 200. `address` is the server's, without secrets.
pub(in crate::velox) fn classify(
    address: &str,
    status: u16,
    location: Option<&str>,
    body: &[u8],
) -> AttemptError {
    let error = serde_json::from_slice(body)
        .ok()
        .filter(|error: &ErrorBody| !error.code.is_empty())
        .map(ErrorBody::printable);
    let location = location.map(printable);
    let code = error.as_ref().map(|error| error.code.as_str());
    match (status, code, &error) {
        (409, ..) => return AttemptError::InProgress,
        (400, Some("invalid_argument"), Some(error)) => {
            return AttemptError::Permanent(Error::InvalidRequest(violations(error)));
        }
        // Any other status is the answer of a proxy before the server.
        (500, Some("internal"), Some(error)) => return internal_error(address, &error.message),
        _ => {}
    }
    let message = error.as_ref().map_or_else(
        || one_line(body),
        |error| {
            let [code, message] = [error.code.as_str(), error.message.trim_end()]
                .map(|text| shorten(text, MAX_MESSAGE_BYTES));
            format!("{code}: {message}")
        },
    );
    match status {
        401 | 403 => AttemptError::remote(format!(
            "velox server at {address} denied access with {status}: velox.auth_token is missing or wrong ({message})"
        )),
        300..=399 => AttemptError::remote(format!(
            "velox server at {address} answered {status} and pointed to {}: redirects are not followed, velox.server_url has to name the server itself",
            shorten(location.as_deref().unwrap_or("nothing"), MAX_MESSAGE_BYTES)
        )),
        408 | 429 => transient(address, status, &message),
        400..=498 => AttemptError::remote(format!(
            "the server at {address} is not a Velox server, velox.server_url is probably wrong: {status} {message}"
        )),
        501 | 505 => AttemptError::remote(format!(
            "velox server at {address} answered {status}: {message}"
        )),
        499..=599 => transient(address, status, &message),
        _ => AttemptError::remote(format!(
            "velox server at {address} answered {status}: {message}"
        )),
    }
}

fn transient(address: &str, status: u16, message: &str) -> AttemptError {
    AttemptError::Transient(
        RetryReason::Server,
        Error::Remote(format!(
            "velox server at {address} answered {status}: {message}"
        )),
    )
}

/// Classifies a 500 of the server itself: an error of this build, or a transient fault.
fn internal_error(address: &str, message: &str) -> AttemptError {
    const STATUS: u16 = 500;
    if SERVER_FAULTS.iter().any(|words| message.contains(words)) {
        return transient(address, STATUS, tail(message.trim_end(), MAX_MESSAGE_BYTES));
    }
    let error = Error::BuildFailed(build_failure(STATUS, message));
    if message.starts_with("building plugins: verifyResolvedVersions:")
        && message.contains("not a known dependency")
    {
        return AttemptError::RetryOnce(error);
    }
    let about_the_build = message.starts_with("building plugins:")
        || (message.starts_with("downloading template: expected 3xx")
            && message.trim_end().ends_with("got 404"));
    if about_the_build {
        AttemptError::Permanent(error)
    } else {
        AttemptError::Transient(RetryReason::Server, error)
    }
}

#[cfg(test)]
mod tests;
