//! The protocols in which the one call is spoken, told by the request's content type: Connect, gRPC and
//! gRPC-Web, each with JSON or Protocol Buffers. Deadlines, and where an error
//! stands. Source: connectrpc.com, "Protocol reference". One task for each connection.

pub(super) mod grpc;
pub(super) mod messages;
pub(super) mod protocol;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use crate::http::{Response, full_body, with_body, with_bytes};
use protocol::{BuildAnswer, BuildRequest, Code, Refusal};

/// All content types, as the real server lists them.
pub(in crate::build) const TYPES: &str = "application/grpc, application/grpc+json, application/grpc+json; charset=utf-8, application/grpc+proto, application/grpc-web, application/grpc-web+json, application/grpc-web+json; charset=utf-8, application/grpc-web+proto, application/json, application/json; charset=utf-8, application/proto";

/// How messages are put onto the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) enum Frame {
    /// The body is the message.
    Connect,
    /// One frame, then HTTP trailers.
    Grpc,
    /// One frame, then a frame with the trailers.
    GrpcWeb,
}

/// How a request was sent, and its answer will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) struct Protocol {
    pub(in crate::build) frame: Frame,
    json: bool,
    kind: &'static str,
}

impl Protocol {
    /// By the content type; `None`: it is none of these.
    pub(in crate::build) fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = kind.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let (frame, json, kind) = match kind.as_str() {
            "application/json" => (Frame::Connect, true, "application/json"),
            "application/proto" => (Frame::Connect, false, "application/proto"),
            "application/grpc" => (Frame::Grpc, false, "application/grpc"),
            "application/grpc+proto" => (Frame::Grpc, false, "application/grpc+proto"),
            "application/grpc+json" => (Frame::Grpc, true, "application/grpc+json"),
            "application/grpc-web" => (Frame::GrpcWeb, false, "application/grpc-web"),
            "application/grpc-web+proto" => (Frame::GrpcWeb, false, "application/grpc-web+proto"),
            "application/grpc-web+json" => (Frame::GrpcWeb, true, "application/grpc-web+json"),
            _ => return None,
        };
        let known = |parameter: &str| json && parameter.eq_ignore_ascii_case("charset=utf-8");
        parts.all(known).then_some(Self { frame, json, kind })
    }

    /// The names of the headers with the compression and the deadline.
    fn headers(self) -> (&'static str, &'static str) {
        match self.frame {
            Frame::Connect => ("content-encoding", "connect-timeout-ms"),
            Frame::Grpc | Frame::GrpcWeb => ("grpc-encoding", "grpc-timeout"),
        }
    }

    /// How long the client waits, and whether its message may be packed with gzip.
    ///
    /// # Errors
    /// `invalid_argument`, `unimplemented`.
    pub(in crate::build) fn conditions(
        self,
        headers: &HeaderMap,
    ) -> Result<(Option<Duration>, bool), Refusal> {
        let invalid = |why: String| Refusal::new(Code::InvalidArgument, why);
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let (encoding, deadline) = self.headers();
        if self.frame == Frame::Connect
            && let Some(version) =
                text("connect-protocol-version").filter(|version| *version != "1")
        {
            return Err(invalid(format!(
                "Connect-Protocol-Version must be \"1\": got {version:?}"
            )));
        }
        let parse = match self.frame {
            Frame::Connect => connect_timeout,
            Frame::Grpc | Frame::GrpcWeb => grpc::timeout,
        };
        let deadline = text(deadline).map(parse).transpose().map_err(invalid)?;
        let packed = match text(encoding).unwrap_or("identity") {
            "identity" | "" => false,
            "gzip" => true,
            other => {
                let message =
                    format!("unknown compression {other:?}: supported encodings are gzip");
                return Err(Refusal::new(Code::Unimplemented, message));
            }
        };
        Ok((deadline, packed))
    }

    /// Takes the message out of a body, and says whether it is packed.
    ///
    /// # Errors
    /// The body is not one whole frame.
    pub(in crate::build) fn message(
        self,
        body: &[u8],
        packed: bool,
    ) -> Result<(&[u8], bool), Refusal> {
        if self.frame == Frame::Connect {
            return Ok((body, packed));
        }
        grpc::message(body, packed)
    }

    /// Decodes an unpacked message.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(in crate::build) fn decode(self, message: &[u8]) -> Result<BuildRequest, Refusal> {
        if self.json {
            BuildRequest::from_json(message)
        } else {
            messages::request(message)
        }
    }

    /// The response with a finished build, or with an error.
    pub(in crate::build) fn respond(self, outcome: Result<BuildAnswer, Refusal>) -> Response {
        let encoded = outcome.and_then(|answer| self.encode(answer));
        let mut response = match (self.frame, encoded) {
            (Frame::Connect, Ok(bytes)) => with_bytes(StatusCode::OK, bytes, self.kind),
            (Frame::Connect, Err(refusal)) => return refuse(&refusal),
            (frame, encoded) => {
                let mut bytes = Vec::new();
                if let Ok(message) = &encoded {
                    grpc::push_frame(&mut bytes, 0, message);
                }
                let trailers = grpc::trailers(encoded.as_ref().err());
                let body = if frame == Frame::GrpcWeb {
                    grpc::push_frame(&mut bytes, grpc::TRAILERS, &grpc::as_text(&trailers));
                    full_body(bytes)
                } else {
                    let trailers = async move { Some(Ok(trailers)) };
                    Full::from(bytes).with_trailers(trailers).boxed()
                };
                with_body(StatusCode::OK, body, self.kind)
            }
        };
        let accepted = match self.frame {
            Frame::Connect => header::ACCEPT_ENCODING,
            _ => HeaderName::from_static("grpc-accept-encoding"),
        };
        let headers = response.headers_mut();
        headers.insert(accepted, HeaderValue::from_static("gzip"));
        response
    }

    fn encode(self, answer: BuildAnswer) -> Result<Vec<u8>, Refusal> {
        if !self.json {
            return Ok(messages::answer(answer));
        }
        serde_json::to_vec(&answer).map_err(|error| Refusal::internal(error.to_string()))
    }
}

/// An error in Connect's form, which is JSON whatever the request was.
pub(in crate::build) fn refuse(refusal: &Refusal) -> Response {
    let (_, status) = refusal.code.parts();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_bytes(status, refusal.body().into_bytes(), "application/json");
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// `Connect-Timeout-Ms`: at most ten digits. Worded as the real server words it.
fn connect_timeout(value: &str) -> Result<Duration, String> {
    if value.len() > 10 {
        return Err(format!("parse timeout: {value:?} has >10 digits"));
    }
    let parsed = value.parse().map(Duration::from_millis);
    parsed
        .map_err(|_| format!("parse timeout: strconv.ParseInt: parsing {value:?}: invalid syntax"))
}
