//! The HTTP side: routes, headers and limits of the bodies, with the real server's answers to those who
//! knock at the wrong door. HTTP/1.1 and HTTP/2 without TLS. One task for each connection.

use std::{sync::Arc, time::Duration};

use hyper::{
    Method, Request, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderValue},
};
use serde_json::json;

use super::{
    builds::Builds,
    rpc::{
        Frame, Protocol, TYPES,
        protocol::{BUILD_PATH, BuildAnswer, Code, Refusal},
        refuse,
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
    pub(super) builds: Arc<Builds>,
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
        if path == "/health" {
            return match *request.method() {
                Method::GET | Method::HEAD => self.health(),
                _ => method_not_allowed("GET, HEAD"),
            };
        }
        let progress = path.strip_prefix("/builds/");
        if path != BUILD_PATH && progress.is_none() {
            let text = "404 page not found\n";
            let mut answer = with_bytes(StatusCode::NOT_FOUND, text, "text/plain; charset=utf-8");
            answer.headers_mut().insert(
                "x-content-type-options",
                HeaderValue::from_static("nosniff"),
            );
            return answer;
        }
        let known = self
            .tokens
            .accept(request.headers().get(header::AUTHORIZATION));
        let protocol = Protocol::of(request.headers());
        if !known {
            let message = "a bearer token is needed: `Authorization: Bearer …` with a token of --auth-token-file";
            let refusal = Refusal::new(Code::Unauthenticated, message);
            let mut answer = match protocol {
                Some(protocol) if progress.is_none() => protocol.respond(Err(refusal)),
                _ => refuse(&refusal),
            };
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        match (progress, protocol) {
            (Some(id), _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                self.progress(id)
            }
            (Some(_), _) => method_not_allowed("GET, HEAD"),
            _ if *request.method() != Method::POST => method_not_allowed("POST"),
            (None, None) => {
                let mut answer = empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
                answer
                    .headers_mut()
                    .insert("accept-post", HeaderValue::from_static(TYPES));
                answer
            }
            // HTTP/1.1 has no trailers that every client reads.
            (None, Some(protocol))
                if protocol.frame == Frame::Grpc && request.version() < Version::HTTP_2 =>
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
    ) -> Result<BuildAnswer, Refusal> {
        let (parts, body) = request.into_parts();
        let (deadline, packed) = protocol.conditions(&parts.headers)?;
        let body = read_body(body, BODY_LIMITS).await.map_err(unreadable)?;
        let (message, packed) = protocol.message(&body, packed)?;
        let request = if packed {
            let message = gunzip(message, BODY_LIMITS.max_bytes).map_err(unreadable)?;
            protocol.decode(&message)?
        } else {
            protocol.decode(message)?
        };
        self.builds.build(request, deadline).await
    }

    fn progress(&self, id: &str) -> Response {
        let report = self.builds.active.report(id);
        match report.map(|report| serde_json::to_vec(&report)) {
            Some(Ok(json)) => as_json(StatusCode::OK, json),
            _ => refuse(&Refusal::new(
                Code::NotFound,
                format!("no build with request_id {id:?} runs or ended lately"),
            )),
        }
    }

    fn health(&self) -> Response {
        let json = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "builds": self.builds.active.count()});
        as_json(StatusCode::OK, json.to_string().into_bytes())
    }
}

fn unreadable(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLarge(max) => Refusal::new(
            Code::ResourceExhausted,
            format!("message is larger than configured max {max}"),
        ),
        BodyError::Timeout => {
            Refusal::new(Code::DeadlineExceeded, "the request's body took too long")
        }
        BodyError::Broken(error) => {
            Refusal::new(Code::InvalidArgument, format!("read request: {error}"))
        }
        BodyError::Gzip(error) => {
            Refusal::new(Code::InvalidArgument, format!("get decompressor: {error}"))
        }
    }
}

fn as_json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut answer = with_bytes(status, body, "application/json");
    answer
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}
