//! A response that PHP sends: status, headers, and a body that may be a part of a file. Pure; on PHP's thread.

use std::{borrow::Cow, fs::File};

use super::{ErrorResponse, Header};
use crate::{Error, metrics::delivery as metrics};

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// None, or one that the front server adds.
    Empty,
    /// JSON.
    Text(String),
    /// A part of a file, which PHP sends.
    File {
        /// Opened for reading.
        file: File,
        /// The first byte.
        start: u64,
        /// How many.
        len: u64,
    },
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status of HTTP.
    pub status: u16,
    /// Its headers; each name occurs once.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// Its body.
    pub body: Body,
}

impl Response {
    pub(super) fn new(status: u16, headers: Vec<Header>, body: Body) -> Self {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        Self {
            status,
            headers,
            body,
        }
    }

    /// The response for an error.
    #[must_use]
    pub fn error(error: &Error, request_id: &str) -> Self {
        metrics::RESPONSES.inc_for(&["error"]);
        let response = ErrorResponse::of(error, request_id);
        let mut headers = json_headers(request_id);
        if let Some(seconds) = response.retry_after {
            headers.push(("Retry-After", seconds.to_string()));
        }
        let body = Body::Text(response.body.to_string());
        Self::new(response.status, headers, body)
    }

    /// Removes the body, as the response to a HEAD request has none.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body = Body::Empty;
        self
    }
}

/// The headers of a response with JSON.
pub(super) fn json_headers(request_id: &str) -> Vec<Header> {
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Cache-Control", "no-store".to_owned()),
    ];
    if !request_id.is_empty() {
        headers.push(("X-Build-Request-ID", request_id.to_owned()));
    }
    headers
}
