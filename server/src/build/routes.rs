//! Routes of the build server, with the Velox server's answers to wrong methods, paths and content types. One task for
//! each connection.

use std::{sync::Arc, time::Duration};

use hyper::{
    Method, Request, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderValue},
};
use pillion_engine::velox::protocol::BUILD_PATH;
use serde_json::json;

use super::{
    queue::BuildQueue,
    rpc::{
        Framing, Protocol,
        error::{ErrorCode, RpcError},
        error_response,
        messages::BuildResponse,
    },
};
use crate::http::{
    BodyError, BodyLimits, Handler, Response, Tokens, empty, gunzip, method_not_allowed, read_body,
    with_bytes,
};

/// Limits of a request, packed or unpacked: 256 plugins take a tenth of the bytes.
const BODY_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 256 * 1024,
    timeout: Duration::from_secs(30),
};
const SERVER: &str = concat!("pillion-velox/", env!("CARGO_PKG_VERSION"));

/// The routes of a build server.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) queue: Arc<BuildQueue>,
    pub(super) tokens: Tokens,
}

impl Handler for Routes {
    async fn handle(&self, request: Request<Incoming>) -> Response {
        let mut response = self.route(request).await;
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
        response
    }
}

impl Routes {
    async fn route(&self, request: Request<Incoming>) -> Response {
        let path = request.uri().path();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if path == "/health" {
            return match is_read {
                true => self.health(),
                false => method_not_allowed("GET, HEAD"),
            };
        }
        let progress_of = path.strip_prefix("/builds/");
        if path != BUILD_PATH && progress_of.is_none() {
            let text = "404 page not found\n";
            return with_bytes(StatusCode::NOT_FOUND, text, "text/plain; charset=utf-8");
        }
        let authorization = request.headers().get(header::AUTHORIZATION);
        let is_authorized = self.tokens.accept(authorization);
        let protocol = Protocol::of(request.headers());
        if !is_authorized {
            let protocol = protocol.filter(|_| progress_of.is_none());
            return unauthorized(protocol);
        }
        match (progress_of, protocol) {
            (Some(id), _) if is_read => self.progress(id),
            (Some(_), _) => method_not_allowed("GET, HEAD"),
            _ if *request.method() != Method::POST => method_not_allowed("POST"),
            (None, None) => {
                let mut response = empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
                if let Ok(types) = HeaderValue::try_from(Protocol::content_types()) {
                    response.headers_mut().insert("accept-post", types);
                }
                response
            }
            // Not every HTTP/1.1 client reads trailers.
            (None, Some(protocol))
                if protocol.framing == Framing::Grpc && request.version() < Version::HTTP_2 =>
            {
                empty(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
            }
            (None, Some(protocol)) => protocol.respond(self.build(protocol, request).await),
        }
    }

    async fn build(
        &self,
        protocol: Protocol,
        request: Request<Incoming>,
    ) -> Result<BuildResponse, RpcError> {
        let (parts, body) = request.into_parts();
        let (deadline, may_be_compressed) = protocol.call_options(&parts.headers)?;
        let body = read_body(body, BODY_LIMITS).await.map_err(body_error)?;
        let (message, is_compressed) = protocol.unframe(&body, may_be_compressed)?;
        let request = if is_compressed {
            let message = gunzip(message, BODY_LIMITS.max_bytes).map_err(body_error)?;
            protocol.decode(&message)?
        } else {
            protocol.decode(message)?
        };
        self.queue.build(request, deadline).await
    }

    fn progress(&self, request_id: &str) -> Response {
        let report = self.queue.active.report(request_id);
        match report.map(|report| serde_json::to_vec(&report)) {
            Some(Ok(json)) => with_bytes(StatusCode::OK, json, "application/json"),
            _ => error_response(&RpcError::new(
                ErrorCode::NotFound,
                format!("no build with request_id {request_id:?} runs or ended lately"),
            )),
        }
    }

    fn health(&self) -> Response {
        let version = env!("CARGO_PKG_VERSION");
        let builds = self.queue.active.count();
        let json = json!({"status": "ok", "version": version, "builds": builds});
        with_bytes(StatusCode::OK, json.to_string(), "application/json")
    }
}

fn unauthorized(protocol: Option<Protocol>) -> Response {
    let error = RpcError::new(
        ErrorCode::Unauthenticated,
        "a bearer token is required: `Authorization: Bearer …` with a token of --auth-token-file",
    );
    let mut response = match protocol {
        Some(protocol) => protocol.respond(Err(error)),
        None => error_response(&error),
    };
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn body_error(error: BodyError) -> RpcError {
    let (code, message) = match error {
        BodyError::TooLarge(max) => (
            ErrorCode::ResourceExhausted,
            format!("message is larger than configured max {max}"),
        ),
        BodyError::Timeout => (
            ErrorCode::DeadlineExceeded,
            "the request's body took too long".to_owned(),
        ),
        BodyError::Broken(cause) => (ErrorCode::InvalidArgument, format!("read request: {cause}")),
        BodyError::Gzip(cause) => (
            ErrorCode::InvalidArgument,
            format!("get decompressor: {cause}"),
        ),
    };
    RpcError::new(code, message)
}
