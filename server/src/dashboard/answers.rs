//! Bodies of requests, and errors, of the dashboard's API. One task for each connection.

use std::time::Duration;

use hyper::{
    StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use serde_json::Value;

use super::access::Refusal;
use crate::{
    http::{BodyError, BodyLimits, Response, read_body},
    serve::response::error_response,
};

const BODY_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 64 << 10,
    timeout: Duration::from_secs(10),
};

/// The JSON object of a request's body. Another content type would come from a form of another page.
pub(super) async fn read_json(head: &Parts, body: Incoming) -> Result<Value, Response> {
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or(value).trim());
    if !media_type.is_some_and(|name| name.eq_ignore_ascii_case("application/json")) {
        return Err(bad_request("Content-Type: expected application/json"));
    }
    let bytes = match read_body(body, BODY_LIMITS).await {
        Ok(bytes) => bytes,
        Err(BodyError::TooLarge(max)) => {
            let message = format!("the body has more than {max} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let mut response = error_response(status, "too_large", &message, None);
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            return Err(response);
        }
        Err(_) => return Err(bad_request("the body has not arrived")),
    };
    match serde_json::from_slice(&bytes) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(bad_request("the body: expected a JSON object")),
        Err(error) => Err(bad_request(&format!("the body is no JSON: {error}"))),
    }
}

pub(super) fn bad_request(message: &str) -> Response {
    error_response(StatusCode::BAD_REQUEST, "bad_request", message, None)
}

pub(super) fn internal_error() -> Response {
    let message = "the view can't be computed; the log has the reason";
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    error_response(status, "internal_error", message, None)
}

pub(super) fn refused(refusal: Refusal) -> Response {
    let (status, error, message) = match refusal {
        Refusal::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a session or a bearer token is required",
        ),
        Refusal::ForeignHost => (
            StatusCode::FORBIDDEN,
            "foreign_host",
            "without serve.token_file the dashboard is for names and addresses of this machine: use localhost",
        ),
        Refusal::ActionsDisabled => (
            StatusCode::FORBIDDEN,
            "actions_disabled",
            "set serve.token_file to allow actions",
        ),
        Refusal::Csrf => (
            StatusCode::FORBIDDEN,
            "csrf",
            "X-Pillion-CSRF: expected the token of the session",
        ),
        Refusal::ForeignOrigin => (
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "the request comes from a page of another origin",
        ),
    };
    error_response(status, error, message, None)
}
