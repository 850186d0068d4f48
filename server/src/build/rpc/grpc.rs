//! gRPC's and gRPC-Web's framing: a message with its prefix, the trailers with an error's code, message and details,
//! the deadline. One unary call needs no more, and tonic would bring a second server. Sources: gRPC's
//! `PROTOCOL-HTTP2.md` and `PROTOCOL-WEB.md`. Pure, any thread.

use std::{fmt::Write as _, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use prost::Message;

use super::{
    error::{ErrorCode, RpcError},
    messages::Status,
};

/// Length of a frame's prefix: a flag and the message's length.
const PREFIX_BYTES: usize = 5;
const COMPRESSED_FLAG: u8 = 1;
/// Flag of gRPC-Web's frame with trailers.
pub(super) const TRAILERS_FLAG: u8 = 0x80;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Returns the message in a body of one frame, and whether it is compressed.
///
/// # Errors
/// The body is not one whole frame.
pub(super) fn unframe(body: &[u8], may_be_compressed: bool) -> Result<(&[u8], bool), RpcError> {
    let fail = |code, message: &str| Err(RpcError::new(code, message));
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return match body.len() {
            0 => fail(ErrorCode::Unimplemented, "unary request has zero messages"),
            _ => fail(
                ErrorCode::InvalidArgument,
                "protocol error: incomplete envelope",
            ),
        };
    };
    let [flag, length @ ..] = *prefix;
    match rest.split_at_checked(u32::from_be_bytes(length) as usize) {
        None => fail(
            ErrorCode::InvalidArgument,
            "protocol error: incomplete envelope",
        ),
        Some((_, more)) if !more.is_empty() => fail(
            ErrorCode::Unimplemented,
            "unary request has multiple messages",
        ),
        Some(_) if flag > COMPRESSED_FLAG || (flag == COMPRESSED_FLAG && !may_be_compressed) => {
            fail(
                ErrorCode::Internal,
                "protocol error: sent compressed message without compression support",
            )
        }
        Some((message, _)) => Ok((message, flag == COMPRESSED_FLAG)),
    }
}

/// Appends one frame.
pub(super) fn push_frame(to: &mut Vec<u8>, flag: u8, message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    to.push(flag);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(message);
}

/// The trailers of a call: status 0, or the error.
pub(in crate::build) fn trailers(error: Option<&RpcError>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let Some(error) = error else {
        trailers.insert(STATUS, HeaderValue::from_static("0"));
        return trailers;
    };
    trailers.insert(STATUS, u16::from(error.code.grpc_number()).into());
    let details = STANDARD_NO_PAD.encode(Status::of(error).encode_to_vec());
    for (name, text) in [
        (MESSAGE, percent_encode(&error.message)),
        (DETAILS, details),
    ] {
        if let Ok(value) = HeaderValue::try_from(text) {
            trailers.insert(name, value);
        }
    }
    trailers
}

/// Trailers in the text form of gRPC-Web, which puts them into the body.
pub(super) fn trailers_text(trailers: &HeaderMap) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in trailers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// The encoding of `grpc-message`.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Parses `grpc-timeout`: at most eight digits and a unit.
pub(super) fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}
