//! The HTTP side: routes, headers and limits of the bodies, with the real server's answers to those who
//! knock at the wrong door. HTTP/1.1 and HTTP/2 without TLS. One task for each connection.

use std::{convert::Infallible, io::Read, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
};
use serde_json::json;

use super::{
    auth::Tokens,
    builds::Builds,
    protocol::{BUILD_PATH, BuildRequest, Code, Refusal},
};

/// The largest request, packed or unpacked: 256 plugins take a tenth of it.
const BODY_MOST: usize = 256 * 1024;
/// How long a client may take to send its request.
const BODY_TIME: Duration = Duration::from_secs(30);
/// What is taken of what Connect servers list; the real one speaks gRPC too.
const TYPES: &str = "application/json, application/json; charset=utf-8";
const SERVER: &str = concat!("pillion-velox/", env!("CARGO_PKG_VERSION"));

/// What a connection needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) builds: Arc<Builds>,
    pub(super) tokens: Tokens,
}

type Answer = Response<Full<Bytes>>;

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
            let text = Full::from("404 page not found\n");
            let mut answer = with_status(StatusCode::NOT_FOUND, text, "text/plain; charset=utf-8");
            answer.headers_mut().insert(
                "x-content-type-options",
                HeaderValue::from_static("nosniff"),
            );
            return answer;
        }
        if !self
            .tokens
            .accept(request.headers().get(header::AUTHORIZATION))
        {
            let message = "a bearer token is needed: `Authorization: Bearer …` with a token of --auth-token-file";
            let mut answer = refuse(&Refusal::new(Code::Unauthenticated, message));
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        match progress {
            Some(id) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                self.progress(id)
            }
            Some(_) => not_allowed("GET, HEAD"),
            None if *request.method() != Method::POST => not_allowed("POST"),
            None => self
                .build(request)
                .await
                .unwrap_or_else(|refusal| refuse(&refusal)),
        }
    }

    async fn build(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            answer
                .headers_mut()
                .insert("accept-post", HeaderValue::from_static(TYPES));
            return Ok(answer);
        }
        let invalid = |why: String| Refusal::new(Code::InvalidArgument, why);
        if let Some(version) =
            text(&parts.headers, "connect-protocol-version").filter(|version| *version != "1")
        {
            return Err(invalid(format!(
                "Connect-Protocol-Version must be \"1\": got {version:?}"
            )));
        }
        let deadline = text(&parts.headers, "connect-timeout-ms")
            .map(timeout)
            .transpose()
            .map_err(invalid)?;
        let packed = match text(&parts.headers, "content-encoding").unwrap_or("identity") {
            "identity" | "" => false,
            "gzip" => true,
            other => {
                let message =
                    format!("unknown compression {other:?}: supported encodings are gzip");
                return Err(Refusal::new(Code::Unimplemented, message));
            }
        };
        let collected =
            tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_MOST).collect()).await;
        let body = match collected {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(error)) => return Err(invalid(format!("read request: {error}"))),
            Err(_) => {
                return Err(Refusal::new(
                    Code::DeadlineExceeded,
                    "the request's body took too long",
                ));
            }
        };
        let body = if packed { unpack(&body)? } else { body.into() };
        let answer = self
            .builds
            .build(BuildRequest::from_json(&body)?, deadline)
            .await?;
        let json =
            serde_json::to_vec(&answer).map_err(|error| Refusal::internal(error.to_string()))?;
        Ok(as_json(StatusCode::OK, json))
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

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = text(headers, "content-type") else {
        return false;
    };
    let mut parts = kind.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Connect-Timeout-Ms`: at most ten digits. Worded as the real server words it.
fn timeout(value: &str) -> Result<Duration, String> {
    if value.len() > 10 {
        return Err(format!("parse timeout: {value:?} has >10 digits"));
    }
    let parsed = value.parse().map(Duration::from_millis);
    parsed
        .map_err(|_| format!("parse timeout: strconv.ParseInt: parsing {value:?}: invalid syntax"))
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

fn refuse(refusal: &Refusal) -> Answer {
    let (_, status) = refusal.code.parts();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    as_json(status, refusal.body().into_bytes())
}

fn as_json(status: StatusCode, body: Vec<u8>) -> Answer {
    let mut answer = with_status(status, Full::from(body), "application/json");
    answer
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn with_status(status: StatusCode, body: Full<Bytes>, kind: &'static str) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
