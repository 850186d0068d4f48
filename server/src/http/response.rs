//! Response bodies and the responses that every server gives. Pure, any thread.

use std::io;

use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};

/// A body with or without trailers. An error ends the connection.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A response of any server.
pub type Response = hyper::Response<Body>;

/// A body of these bytes, without trailers.
pub fn full_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A response with a body.
#[must_use]
pub fn with_body(status: StatusCode, body: Body, content_type: &'static str) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response with a body of these bytes.
pub fn with_bytes(
    status: StatusCode,
    bytes: impl Into<Bytes>,
    content_type: &'static str,
) -> Response {
    with_body(status, full_body(bytes), content_type)
}

/// A response without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(full_body(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// 405 with the methods that the path allows.
#[must_use]
pub fn method_not_allowed(allow: &'static str) -> Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
