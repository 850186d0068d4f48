//! gRPC's and gRPC-Web's framing: a message with its head, the trailers with an error's code, message and
//! details, the deadline. Sources: gRPC's `PROTOCOL-HTTP2.md` and `PROTOCOL-WEB.md`. Pure, any thread.

use std::{fmt::Write as _, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

use crate::build::{
    rpc::messages,
    rpc::protocol::{Code, Refusal},
};

/// The head of a gRPC frame: a flag and the length.
const HEAD: usize = 5;
const PACKED: u8 = 1;
/// The flag of gRPC-Web's frame with trailers.
pub(in crate::build) const TRAILERS: u8 = 0x80;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Takes the message out of a body of one frame, and says whether it is packed.
///
/// # Errors
/// The body is not one whole frame.
pub(in crate::build) fn message(body: &[u8], packed: bool) -> Result<(&[u8], bool), Refusal> {
    let refuse = |code, why: &str| Err(Refusal::new(code, why));
    let Some((head, rest)) = body.split_first_chunk::<HEAD>() else {
        return match body.len() {
            0 => refuse(Code::Unimplemented, "unary request has zero messages"),
            _ => refuse(Code::InvalidArgument, "protocol error: incomplete envelope"),
        };
    };
    let [flag, length @ ..] = *head;
    match rest.split_at_checked(u32::from_be_bytes(length) as usize) {
        None => refuse(Code::InvalidArgument, "protocol error: incomplete envelope"),
        Some((_, more)) if !more.is_empty() => {
            refuse(Code::Unimplemented, "unary request has multiple messages")
        }
        Some(_) if flag > PACKED || (flag == PACKED && !packed) => refuse(
            Code::Internal,
            "protocol error: sent compressed message without compression support",
        ),
        Some((message, _)) => Ok((message, flag == PACKED)),
    }
}

/// Appends one frame.
pub(in crate::build) fn push_frame(to: &mut Vec<u8>, flag: u8, message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    to.push(flag);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(message);
}

/// The end of a call: status 0, or the error.
pub(in crate::build) fn trailers(refusal: Option<&Refusal>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let Some(refusal) = refusal else {
        trailers.insert(STATUS, HeaderValue::from_static("0"));
        return trailers;
    };
    trailers.insert(STATUS, u16::from(refusal.code.number()).into());
    let texts = [
        (MESSAGE, percent_encoded(&refusal.message)),
        (DETAILS, STANDARD_NO_PAD.encode(messages::status(refusal))),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            trailers.insert(name, value);
        }
    }
    trailers
}

/// Trailers as gRPC-Web puts them into the body.
pub(in crate::build) fn as_text(trailers: &HeaderMap) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in trailers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// As `grpc-message` has to be.
fn percent_encoded(text: &str) -> String {
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

/// `grpc-timeout`: at most eight digits and a unit.
pub(in crate::build) fn timeout(value: &str) -> Result<Duration, String> {
    let invalid = || format!("protocol error: invalid timeout {value:?}");
    let at = value.len().saturating_sub(1);
    let (digits, unit) = value.split_at_checked(at).ok_or_else(invalid)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(invalid());
    }
    let count: u64 = digits.parse().map_err(|_| invalid())?;
    match unit {
        "H" => Ok(Duration::from_secs(count * 3600)),
        "M" => Ok(Duration::from_secs(count * 60)),
        "S" => Ok(Duration::from_secs(count)),
        "m" => Ok(Duration::from_millis(count)),
        "u" => Ok(Duration::from_micros(count)),
        "n" => Ok(Duration::from_nanos(count)),
        _ => Err(invalid()),
    }
}
