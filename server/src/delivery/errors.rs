//! Failed builds as responses, with the names of the Velox plugin: 400 `invalid_request`, 502 `build_failed`, 504
//! `timeout`. Errors of this host have no details for a client; the log has them. Pure.

use hyper::StatusCode;
use pillion_engine::{Error, velox::delivery::Ticket};

use crate::{
    http::Response,
    serve::response::{error_response, retry_after},
};

/// The error as a client sees it.
pub(super) struct ClientError {
    pub(super) status: StatusCode,
    /// The stable name.
    pub(super) name: &'static str,
    pub(super) message: String,
}

impl ClientError {
    pub(super) fn of(error: &Error) -> Self {
        let (status, name, message) = match error {
            Error::InvalidRequest(_) => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                error.to_string(),
            ),
            Error::BuildFailed(_) | Error::Remote(_) => {
                (StatusCode::BAD_GATEWAY, "build_failed", error.to_string())
            }
            Error::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout", error.to_string()),
            Error::QueueFull(_) | Error::Cancelled(_) | Error::State(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the build can't be started or was ended; try again".to_owned(),
            ),
            Error::Config(_) | Error::Io { .. } | Error::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "the artifact can't be delivered; the log has the reason".to_owned(),
            ),
        };
        Self {
            status,
            name,
            message,
        }
    }
}

/// Logs an error, and answers with it.
pub(super) fn response(error: &Error, ticket: &Ticket) -> Response {
    let id = ticket.request_id.to_string();
    let shown = ClientError::of(error);
    log::error!(request_id = id.as_str(), status = shown.status.as_u16(), error:%; "delivery failed");
    let mut response = error_response(shown.status, shown.name, &shown.message, Some(&id));
    if shown.status == StatusCode::SERVICE_UNAVAILABLE {
        retry_after(&mut response, 5);
    }
    response
}
