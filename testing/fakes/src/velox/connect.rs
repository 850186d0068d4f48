//! The Connect protocol for one unary call with JSON, as connect-go implements it: the refusals before the call, and
//! the form of errors and answers. Wording and header order are those of connectrpc.com/connect v1.20.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::message::BuildRequest;
use super::{prototext, validate};
use crate::http::{Request, Response};

/// The one procedure of the server.
pub const BUILD: &str = "/api.service.v1.BuildService/Build";

const JSON: &str = "application/json";
const JSON_UTF8: &str = "application/json; charset=utf-8";
const ACCEPT_POST: &str = "application/grpc, application/grpc+json, application/grpc+json; charset=utf-8, application/grpc+proto, application/grpc-web, application/grpc-web+json, application/grpc-web+json; charset=utf-8, application/grpc-web+proto, application/json, application/json; charset=utf-8, application/proto";

/// A call that has passed all checks.
pub(super) struct Call {
    pub(super) request: BuildRequest,
    /// `Connect-Timeout-Ms`.
    pub(super) timeout: Option<Duration>,
    pub(super) style: Style,
}

/// The format that the client accepts for its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    content_type: &'static str,
    gzip: bool,
    spaces: bool,
}

/// Checks a request, or refuses it with the real server's answer.
pub(super) fn accept(request: &Request, spaces: bool) -> Result<Call, Response> {
    if request.method != "POST" {
        return Err(Response::new(405, "").with("Allow", "POST"));
    }
    let content_type = content_type(request.header("content-type").unwrap_or_default())
        .ok_or_else(|| Response::new(415, "").with("Accept-Post", ACCEPT_POST))?;
    let encoding = request.header("content-encoding").unwrap_or_default();
    if !["", "identity", "gzip"].contains(&encoding) {
        let message = format!(
            "unknown compression {}: supported encodings are gzip",
            quoted(encoding)
        );
        return Err(error(501, "unimplemented", &message));
    }
    let version = request
        .header("connect-protocol-version")
        .unwrap_or_default();
    if !["", "1"].contains(&version) {
        let message = format!(
            "Connect-Protocol-Version must be \"1\": got {}",
            quoted(version)
        );
        return Err(invalid(&message));
    }
    let timeout = timeout(request.header("connect-timeout-ms").unwrap_or_default())
        .map_err(|why| invalid(&why))?;
    let unpacked = if encoding == "gzip" {
        unpack(&request.body)
    } else {
        Ok(request.body.clone())
    };
    let decoded = unpacked
        .and_then(|body| BuildRequest::from_json(&body))
        .map_err(|why| invalid(&why))?;
    validate::check(&decoded).map_err(|body| with_headers(Response::new(400, body)))?;
    if timeout == Some(Duration::ZERO) {
        return Err(error(504, "deadline_exceeded", "context deadline exceeded"));
    }
    let gzip = request
        .header("accept-encoding")
        .is_some_and(|value| value.split(',').any(|name| name.trim() == "gzip"));
    Ok(Call {
        request: decoded,
        timeout,
        style: Style {
            content_type,
            gzip,
            spaces,
        },
    })
}

/// An error in the protocol's form.
pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        r#"{{"code":{},"message":{}}}"#,
        prototext::json(code),
        prototext::json(message)
    );
    with_headers(Response::new(status, body))
}

fn invalid(message: &str) -> Response {
    error(400, "invalid_argument", message)
}

fn with_headers(response: Response) -> Response {
    response
        .with("Accept-Encoding", "gzip")
        .with("Content-Type", JSON)
}

/// A `BuildResponse`; empty fields are omitted.
pub(super) fn answer(path: &str, logs: &str, style: Style) -> Response {
    let fields: Vec<String> = [("path", path), ("logs", logs)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{}", prototext::protojson(value)))
        .collect();
    let body = format!("{{{}}}", fields.join(if style.spaces { ", " } else { "," }));
    if !style.gzip {
        return Response::new(200, body)
            .with("Accept-Encoding", "gzip")
            .with("Content-Type", style.content_type);
    }
    Response::new(200, pack(body.as_bytes()))
        .with("Accept-Encoding", "gzip")
        .with("Content-Encoding", "gzip")
        .with("Content-Type", style.content_type)
}

/// The two forms of JSON's content type that connect-go accepts, in canonical form.
fn content_type(value: &str) -> Option<&'static str> {
    let mut parts = value
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let (base, parameter) = (parts.next()?, parts.next().unwrap_or_default());
    match (
        base.as_str(),
        parameter.replace('"', "").as_str(),
        parts.next(),
    ) {
        (JSON, "", None) => Some(JSON),
        (JSON, "charset=utf-8", None) => Some(JSON_UTF8),
        _ => None,
    }
}

fn timeout(value: &str) -> Result<Option<Duration>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    if value.len() > 10 {
        return Err(format!("parse timeout: {} has >10 digits", quoted(value)));
    }
    let millis: i64 = value.parse().map_err(|_| {
        format!(
            "parse timeout: strconv.ParseInt: parsing {}: invalid syntax",
            quoted(value)
        )
    })?;
    Ok(Some(Duration::from_millis(millis.max(0) as u64)))
}

fn quoted(text: &str) -> String {
    prototext::quoted(text.as_bytes())
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, String> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        let why = if body.len() < 10 {
            "unexpected EOF"
        } else {
            "gzip: invalid header"
        };
        return Err(format!("get decompressor: {why}"));
    }
    let mut out = Vec::new();
    GzDecoder::new(body)
        .read_to_end(&mut out)
        .map_err(|error| format!("decompress: {error}"))?;
    Ok(out)
}

fn pack(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory can't fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}
