//! Errors of reading a request, with the status of each. Every server words them in its own protocol. Pure.

use hyper::StatusCode;

/// A request body that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than the limit in bytes, packed or unpacked.
    TooLarge(usize),
    /// It did not arrive in time.
    Timeout,
    /// The connection broke, or its framing is wrong; with the cause.
    Broken(String),
    /// It is not gzip, or its end is missing; with the cause.
    Gzip(String),
}

impl BodyError {
    /// The status that HTTP gives the error.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) | Self::Gzip(_) => StatusCode::BAD_REQUEST,
        }
    }
}
