//! Statuses and texts that the protocols share. Pure.

use hyper::StatusCode;

use super::upload::UploadError;
use crate::http::{Response, with_bytes};

/// The status of an upload that is not stored.
pub(super) const fn status(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Forbidden => StatusCode::FORBIDDEN,
        UploadError::Exists => StatusCode::PRECONDITION_FAILED,
        UploadError::Checksum | UploadError::Part => StatusCode::BAD_REQUEST,
        UploadError::NoLength => StatusCode::LENGTH_REQUIRED,
        UploadError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::Body(error) => error.status(),
        UploadError::Full => StatusCode::INSUFFICIENT_STORAGE,
        UploadError::Storage | UploadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A response of one line, as the original server and Nx' clients have it.
pub(super) fn text(status: StatusCode, line: &str) -> Response {
    with_bytes(status, format!("{line}\n"), "text/plain; charset=utf-8")
}
