//! The protocols of the one call: Connect, gRPC and gRPC-Web, each with JSON or Protocol Buffers, chosen by the
//! request's content type. Reads deadline and compression, decodes a request, encodes a response or an error. Source:
//! connectrpc.com, "Protocol reference". One task for each connection.

pub(super) mod error;
pub(super) mod grpc;
pub(super) mod messages;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use pillion_engine::velox::BuildRequest;
use prost::Message;

use crate::http::{Response, full_body, with_body, with_bytes};
use error::{ErrorCode, RpcError};
use messages::BuildResponse;

/// The framing of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// The body is the message.
    Connect,
    /// One frame, then HTTP trailers.
    Grpc,
    /// One frame, then a frame with the trailers.
    GrpcWeb,
}

/// The protocol of a request, and of its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) framing: Framing,
    json: bool,
    content_type: &'static str,
}

const PROTOCOLS: [Protocol; 8] = {
    const fn protocol(content_type: &'static str, framing: Framing, json: bool) -> Protocol {
        Protocol {
            framing,
            json,
            content_type,
        }
    }
    [
        protocol("application/json", Framing::Connect, true),
        protocol("application/proto", Framing::Connect, false),
        protocol("application/grpc", Framing::Grpc, false),
        protocol("application/grpc+proto", Framing::Grpc, false),
        protocol("application/grpc+json", Framing::Grpc, true),
        protocol("application/grpc-web", Framing::GrpcWeb, false),
        protocol("application/grpc-web+proto", Framing::GrpcWeb, false),
        protocol("application/grpc-web+json", Framing::GrpcWeb, true),
    ]
};

impl Protocol {
    /// The protocol of a content type, or `None` if it is unknown.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = content_type.split(';').map(str::trim);
        let name = parts.next()?;
        let protocol = PROTOCOLS
            .into_iter()
            .find(|protocol| protocol.content_type.eq_ignore_ascii_case(name))?;
        let is_utf8 = |parameter: &str| parameter.eq_ignore_ascii_case("charset=utf-8");
        parts
            .all(|parameter| protocol.json && is_utf8(parameter))
            .then_some(protocol)
    }

    /// All content types, for `Accept-Post`.
    pub(super) fn content_types() -> String {
        PROTOCOLS.map(|protocol| protocol.content_type).join(", ")
    }

    /// Reads the client's deadline, and whether its message may be compressed with gzip.
    ///
    /// # Errors
    /// `invalid_argument`, `unimplemented`.
    pub(super) fn call_options(
        self,
        headers: &HeaderMap,
    ) -> Result<(Option<Duration>, bool), RpcError> {
        let (encoding, timeout, parse): (_, _, fn(&str) -> _) = match self.framing {
            Framing::Connect => (
                "content-encoding",
                "connect-timeout-ms",
                parse_connect_timeout,
            ),
            Framing::Grpc | Framing::GrpcWeb => {
                ("grpc-encoding", "grpc-timeout", grpc::parse_timeout)
            }
        };
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let invalid = |name: &str, value: &str, expected: &str| {
            RpcError::new(
                ErrorCode::InvalidArgument,
                format!("{name}: found {value:?}; expected {expected}"),
            )
        };
        if self.framing == Framing::Connect
            && let Some(version) = text("connect-protocol-version")
            && version != "1"
        {
            return Err(invalid("connect-protocol-version", version, "1"));
        }
        let deadline = match text(timeout) {
            None => None,
            Some(value) => match parse(value) {
                None => return Err(invalid(timeout, value, "the protocol's form of a duration")),
                deadline => deadline,
            },
        };
        match text(encoding).unwrap_or_default() {
            "identity" | "" => Ok((deadline, false)),
            "gzip" => Ok((deadline, true)),
            other => Err(RpcError::new(
                ErrorCode::Unimplemented,
                format!("unknown compression {other:?}: supported encodings are gzip"),
            )),
        }
    }

    /// Returns the message in a body, and whether it is compressed.
    ///
    /// # Errors
    /// The body is not one whole frame.
    pub(super) fn unframe(
        self,
        body: &[u8],
        may_be_compressed: bool,
    ) -> Result<(&[u8], bool), RpcError> {
        match self.framing {
            Framing::Connect => Ok((body, may_be_compressed)),
            Framing::Grpc | Framing::GrpcWeb => grpc::unframe(body, may_be_compressed),
        }
    }

    /// Decodes an uncompressed message.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(super) fn decode(self, message: &[u8]) -> Result<BuildRequest, RpcError> {
        if self.json {
            messages::request_from_json(message)
        } else {
            messages::request_from_proto(message)
        }
    }

    /// The HTTP response with a build's response or error.
    pub(super) fn respond(self, outcome: Result<BuildResponse, RpcError>) -> Response {
        let encoded = outcome.and_then(|response| self.encode(&response));
        let mut response = match (self.framing, encoded) {
            (Framing::Connect, Ok(bytes)) => with_bytes(StatusCode::OK, bytes, self.content_type),
            (Framing::Connect, Err(error)) => return error_response(&error),
            (framing, encoded) => {
                let mut bytes = Vec::new();
                if let Ok(message) = &encoded {
                    grpc::push_frame(&mut bytes, 0, message);
                }
                let trailers = grpc::trailers(encoded.as_ref().err());
                let body = if framing == Framing::GrpcWeb {
                    let text = grpc::trailers_text(&trailers);
                    grpc::push_frame(&mut bytes, grpc::TRAILERS_FLAG, &text);
                    full_body(bytes)
                } else {
                    let trailers = async move { Some(Ok(trailers)) };
                    Full::from(bytes)
                        .with_trailers(trailers)
                        .map_err(|never| match never {})
                        .boxed_unsync()
                };
                with_body(StatusCode::OK, body, self.content_type)
            }
        };
        let accepted = match self.framing {
            Framing::Connect => header::ACCEPT_ENCODING,
            Framing::Grpc | Framing::GrpcWeb => HeaderName::from_static("grpc-accept-encoding"),
        };
        let headers = response.headers_mut();
        headers.insert(accepted, HeaderValue::from_static("gzip"));
        response
    }

    fn encode(self, response: &BuildResponse) -> Result<Vec<u8>, RpcError> {
        if !self.json {
            return Ok(response.encode_to_vec());
        }
        serde_json::to_vec(response).map_err(|error| RpcError::internal(error.to_string()))
    }
}

/// An error in Connect's form, which is JSON whatever the request was.
pub(super) fn error_response(error: &RpcError) -> Response {
    let status = StatusCode::from_u16(error.code.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_bytes(status, error.to_json(), "application/json");
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// Parses `Connect-Timeout-Ms`: at most ten digits.
fn parse_connect_timeout(value: &str) -> Option<Duration> {
    let digits = value.len() <= 10 && value.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| value.parse().ok()).flatten();
    count.map(Duration::from_millis)
}
