//! Errors as responses of HTTP, with the JSON body that the Velox plugin documents. The details of errors of this host
//! stay in its log. Pure; any thread.

use serde_json::{Value, json};

use crate::Error;

/// The status and the JSON body of an error.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorResponse {
    /// 400 for an invalid request, 502 for a failed build, 504 for a timeout; else 500 or 503.
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
            Error::BuildFailed(_) | Error::Remote(_) => (502, "build_failed", error.to_string()),
            Error::Timeout(_) => (504, "timeout", error.to_string()),
            Error::QueueFull(_) | Error::Cancelled(_) => (503, "unavailable", error.to_string()),
            Error::State(_) => (503, "unavailable", "try again later".into()),
            Error::Config(_) | Error::Io { .. } | Error::Internal(_) => {
                (500, "internal_error", "see the log of the server".into())
            }
        };
        let request_id = (!request_id.is_empty()).then_some(request_id);
        Self {
            status,
            body: json!({"error": name, "message": message, "request_id": request_id}),
            retry_after: (status == 503).then_some(5),
        }
    }
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
            (Error::Remote("refused".into()), 502, "build_failed"),
            (
                Error::Timeout("build exceeded 5m timeout".into()),
                504,
                "timeout",
            ),
            (Error::QueueFull("full".into()), 503, "unavailable"),
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
