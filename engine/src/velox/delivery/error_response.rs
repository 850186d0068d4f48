//! Errors as responses of HTTP, with the JSON body that the Velox plugin documents. The details of errors of this host
//! stay in its log. Pure; any thread.

use std::io;

use serde_json::{Value, json};

use crate::Error;

const UNBUILT: &str = "the build server did not build it; the log has the reason";
const TRY_AGAIN: &str = "try again later";

/// The status and the JSON body of an error.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorResponse {
    /// 400 for an invalid request, 502 for a failed build, 504 for a timeout; 503 if it may succeed later, as with a
    /// full disk; else 500.
    pub status: u16,
    /// `error`, `message`, `request_id`.
    pub body: Value,
    /// Seconds after which the client may ask again, for the header `Retry-After`.
    pub retry_after: Option<u32>,
}

impl ErrorResponse {
    /// The response for an error. An empty `request_id` is null in the body.
    #[must_use]
    pub fn of(error: &Error, request_id: &str) -> Self {
        let (status, name, message) = match error {
            Error::InvalidRequest(_) => (400, "invalid_request", error.to_string()),
            Error::BuildFailed(_) => (502, "build_failed", error.to_string()),
            // Its text names the server, and settings of this host.
            Error::Remote(_) => (502, "build_failed", UNBUILT.into()),
            Error::Timeout(_) => (504, "timeout", error.to_string()),
            Error::QueueFull(_) | Error::Cancelled(_) => (503, "unavailable", error.to_string()),
            Error::State(_) => (503, "unavailable", TRY_AGAIN.into()),
            Error::Io { source, .. } if is_lack(source) => (503, "unavailable", TRY_AGAIN.into()),
            Error::Config(_) | Error::Io { .. } | Error::Internal(_) => {
                (500, "internal_error", "see the log of the server".into())
            }
        };
        let request_id = (!request_id.is_empty()).then_some(request_id);
        Self {
            status,
            body: error_body(name, &message, request_id),
            retry_after: (status == 503).then_some(5),
        }
    }
}

/// The body of an error. `error` is its stable name.
#[must_use]
pub fn error_body(error: &str, message: &str, request_id: Option<&str>) -> Value {
    json!({"error": error, "message": message, "request_id": request_id})
}

/// Whether the host lacks space, memory or descriptors at the moment.
fn is_lack(error: &io::Error) -> bool {
    const CODES: [i32; 5] = [
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOMEM,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| CODES.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{BuildFailure, Violation};

    #[test]
    fn errors_have_the_documented_status_and_body() {
        let violation = Violation {
            field: "rr_version".into(),
            message: "missing required field: rr_version".into(),
        };
        let failure = BuildFailure {
            message: "no such tag".into(),
            ..BuildFailure::default()
        };
        for (error, status, name) in [
            (
                Error::InvalidRequest(vec![violation]),
                400,
                "invalid_request",
            ),
            (Error::BuildFailed(failure), 502, "build_failed"),
            (
                Error::Remote("velox server at http://velox/etc refused".into()),
                502,
                "build_failed",
            ),
            (
                Error::Timeout("build exceeded 5m timeout".into()),
                504,
                "timeout",
            ),
            (Error::QueueFull("full".into()), 503, "unavailable"),
            (
                Error::io("/run", io::Error::from_raw_os_error(libc::ENOSPC)),
                503,
                "unavailable",
            ),
            (
                Error::io("/run", io::Error::from_raw_os_error(libc::EACCES)),
                500,
                "internal_error",
            ),
            (
                Error::Config("/etc/secret is bad".into()),
                500,
                "internal_error",
            ),
        ] {
            let response = ErrorResponse::of(&error, "id");
            assert_eq!(response.status, status);
            assert_eq!(response.body["error"], name);
            assert_eq!(response.body["request_id"], "id");
            assert!(!response.body.to_string().contains("/etc"));
        }
        let failed = ErrorResponse::of(&Error::Remote("x".into()), "");
        assert!(failed.body["request_id"].is_null() && failed.retry_after.is_none());
    }
}
