//! The HTTP side: routes, headers and limits of the bodies, with the real server's answers to those who
//! knock at the wrong door. HTTP/1.1 and HTTP/2 without TLS. One task for each connection.

use std::{convert::Infallible, io::Read, sync::Arc, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
};
use serde_json::json;

use super::{
    auth::Tokens,
    builds::Builds,
    protocol::{BUILD_PATH, BuildAnswer, Code, Refusal},
    rpc::{Body, Frame, Protocol, TYPES, plain, refuse, whole},
};

/// The largest request, packed or unpacked: 256 plugins take a tenth of it.
const BODY_MOST: usize = 256 * 1024;
/// How long a client may take to send its request.
const BODY_TIME: Duration = Duration::from_secs(30);
const SERVER: &str = concat!("pillion-velox/", env!("CARGO_PKG_VERSION"));

/// What a connection needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) builds: Arc<Builds>,
    pub(super) tokens: Tokens,
}

type Answer = Response<Body>;

impl Service {
    /// Answers one request; never fails, because every error has an answer.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Answer, Infallible> {
        let mut answer = self.route(request).await;
        answer
            .headers_mut()
            .insert(header::SERVER, HeaderValue::from_static(SERVER));
        Ok(answer)
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if path == "/health" {
            return match *request.method() {
                Method::GET | Method::HEAD => self.health(),
                _ => not_allowed("GET, HEAD"),
            };
        }
        let progress = path.strip_prefix("/builds/");
        if path != BUILD_PATH && progress.is_none() {
            let text = "404 page not found\n";
            let mut answer = plain(StatusCode::NOT_FOUND, text, "text/plain; charset=utf-8");
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
            (Some(_), _) => not_allowed("GET, HEAD"),
            _ if *request.method() != Method::POST => not_allowed("POST"),
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
        let collected =
            tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_MOST).collect()).await;
        let body = match collected {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(error)) => {
                return Err(Refusal::new(
                    Code::InvalidArgument,
                    format!("read request: {error}"),
                ));
            }
            Err(_) => {
                return Err(Refusal::new(
                    Code::DeadlineExceeded,
                    "the request's body took too long",
                ));
            }
        };
        let (message, packed) = protocol.message(&body, packed)?;
        let request = if packed {
            protocol.decode(&unpack(message)?)?
        } else {
            protocol.decode(message)?
        };
        self.builds.build(request, deadline).await
    }

    fn progress(&self, id: &str) -> Answer {
        let report = self.builds.flights.report(id);
        match report.map(|report| serde_json::to_vec(&report)) {
            Some(Ok(json)) => as_json(StatusCode::OK, json),
            _ => refuse(&Refusal::new(
                Code::NotFound,
                format!("no build with request_id {id:?} runs or ended lately"),
            )),
        }
    }

    fn health(&self) -> Answer {
        let json = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "builds": self.builds.flights.count()});
        as_json(StatusCode::OK, json.to_string().into_bytes())
    }
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(body)
        .take(BODY_MOST as u64 + 1)
        .read_to_end(&mut out);
    if let Err(error) = read {
        return Err(Refusal::new(
            Code::InvalidArgument,
            format!("get decompressor: {error}"),
        ));
    }
    if out.len() > BODY_MOST {
        Err(too_large())
    } else {
        Ok(out)
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        Code::ResourceExhausted,
        format!("message is larger than configured max {BODY_MOST}"),
    )
}

fn as_json(status: StatusCode, body: Vec<u8>) -> Answer {
    let mut answer = plain(status, body, "application/json");
    answer
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(whole(Bytes::new()));
    *answer.status_mut() = status;
    answer
}
