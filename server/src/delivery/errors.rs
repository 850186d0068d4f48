//! Failed builds as responses, with the names of the Velox plugin. Any task.

use hyper::StatusCode;
use pillion_engine::{
    Error,
    metrics::delivery as metrics,
    velox::delivery::{ErrorResponse, Ticket},
};

use crate::{
    http::Response,
    serve::response::{json_response, retry_after},
};

/// The error as a client sees it; the log has the details.
pub(super) fn shown(error: &Error, ticket: &Ticket) -> ErrorResponse {
    let id = ticket.request_id.to_string();
    let shown = ErrorResponse::of(error, &id);
    metrics::RESPONSES.inc_for(&["error"]);
    log::error!(request_id = id.as_str(), status = shown.status, error:%; "delivery failed");
    shown
}

/// Logs an error, and answers with it.
pub(super) fn response(error: &Error, ticket: &Ticket) -> Response {
    let shown = shown(error, ticket);
    let status = StatusCode::from_u16(shown.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &shown.body);
    if let Some(seconds) = shown.retry_after {
        retry_after(&mut response, seconds);
    }
    response
}
