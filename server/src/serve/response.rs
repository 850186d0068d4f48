//! Responses in JSON. An error is `{"error", "message", "request_id"}`, as the Velox plugin documents it. Pure.

use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use pillion_engine::velox::delivery::error_body;

use crate::http::{Response, with_bytes};

/// A JSON response that no cache keeps.
pub(crate) fn json_response(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = with_bytes(status, value.to_string(), "application/json");
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

/// An error. `error` is its stable name.
pub(crate) fn error_response(
    status: StatusCode,
    error: &str,
    message: &str,
    request_id: Option<&str>,
) -> Response {
    json_response(status, &error_body(error, message, request_id))
}

/// The number of seconds after which a client may ask again.
pub(crate) fn retry_after(response: &mut Response, seconds: u32) {
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

/// 404.
pub(crate) fn not_found() -> Response {
    let message = "there is no such page";
    error_response(StatusCode::NOT_FOUND, "not_found", message, None)
}

/// 405 with the methods that the path allows.
pub(crate) fn method_not_allowed(allow: &'static str) -> Response {
    let message = format!("this page is for {allow} only");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = error_response(status, "method_not_allowed", &message, None);
    let allow = HeaderValue::from_static(allow);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}
