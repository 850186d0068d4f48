//! VelocityCache's endpoints, see `pillion_engine::remote::protocol`: the negotiation, and artifacts through the
//! gateway. Texts of errors are those of the original server. One task for each connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{Method, Request, StatusCode, body::Incoming, header};
use pillion_engine::{
    Result,
    metrics::gateway as metrics,
    remote::{
        object::{Metadata, ObjectName, Space},
        protocol::{
            Action, BLOB_PREFIX, Item, Key, MAX_NEGOTIATION_BYTES, NegotiateRequest, Negotiated,
            NegotiatedBatch,
        },
    },
};

use super::{
    access::Role,
    core::Gateway,
    many,
    response::{status, text},
    upload::{Claims, UploadError, failed},
};
use crate::http::{BodyLimits, Response, empty, method_not_allowed, read_body, with_bytes};

const BODY_LIMITS: BodyLimits = BodyLimits {
    max_bytes: MAX_NEGOTIATION_BYTES,
    timeout: Duration::from_secs(30),
};

/// The original server has the first word only.
const MAY_ONLY_READ: &str = "Forbidden: the token may only read";

/// The answer for one key, or its error.
type Answer = Result<Negotiated, StatusCode>;

/// `POST /v1/negotiate`.
pub(super) async fn negotiate(
    gateway: &Arc<Gateway>,
    role: &Role,
    request: Request<Incoming>,
) -> Response {
    let started = Instant::now();
    let base = gateway.base_url(request.headers(), request.uri());
    let body = match read_body(request.into_body(), BODY_LIMITS).await {
        Ok(body) => body,
        Err(error) => return text(error.status(), "Invalid request body"),
    };
    let request = match NegotiateRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => return text(StatusCode::BAD_REQUEST, error.text()),
    };
    if request.action == Action::Upload && role.writes().is_none() {
        return text(StatusCode::FORBIDDEN, MAY_ONLY_READ);
    }
    let is_batch = request.is_batch;
    let answers = answers(gateway, role, request, &base).await;
    metrics::NEGOTIATION.observe(&[], started.elapsed().as_secs_f64());
    let answers = match answers {
        Ok(answers) => answers,
        Err(status) => return text(status, reason(status)),
    };
    if is_batch {
        return json_response(serde_json::to_vec(&NegotiatedBatch { results: answers }));
    }
    match answers.into_values().next() {
        Some(Negotiated::Missing) | None => text(StatusCode::NOT_FOUND, "Not found"),
        Some(answer) => json_response(serde_json::to_vec(&answer)),
    }
}

async fn answers(
    gateway: &Arc<Gateway>,
    role: &Role,
    request: NegotiateRequest,
    base: &str,
) -> Result<BTreeMap<Key, Negotiated>, StatusCode> {
    let action = request.action;
    let mut seen = BTreeSet::new();
    let mut items = request.items;
    items.retain(|item| seen.insert(item.hash.clone()));
    let answers = many::each(items.into_iter(), |item| {
        let (gateway, role, base) = (Arc::clone(gateway), role.clone(), base.to_owned());
        async move {
            let key = item.hash.clone();
            let answer = gateway.answer(&role, action, item, &base).await?;
            Ok((key, answer))
        }
    });
    Ok(answers.await?.into_iter().collect())
}

impl Gateway {
    async fn answer(&self, role: &Role, action: Action, item: Item, base: &str) -> Answer {
        let space = Space::Velocity;
        let found = match action {
            Action::Download => self.find(role, &space, &item.hash).await,
            Action::Upload => self.find_before_upload(role, &space, &item.hash).await,
        };
        let found = found.map_err(|error| {
            metrics::OPERATIONS.inc_for(&[operation(action), "error"]);
            status(&failed(&error))
        })?;
        let blob = format!("{base}{BLOB_PREFIX}{}", item.hash);
        let (result, answer) = match (action, found) {
            (Action::Download, None) => {
                metrics::MISSES.inc();
                ("miss", Negotiated::Missing)
            }
            (Action::Download, Some(found)) => {
                metrics::HITS.inc();
                self.storage.touch(&found);
                let url = match self.storage.with_urls() {
                    Some(bucket) => bucket.download_url(&found.name),
                    None => blob,
                };
                let answer = Negotiated::Found {
                    url,
                    sha256: Some(found.metadata.sha256),
                    size: Some(found.metadata.size),
                };
                ("hit", answer)
            }
            (Action::Upload, Some(found)) => {
                self.storage.touch(&found);
                ("skipped", Negotiated::Skipped)
            }
            (Action::Upload, None) => {
                let answer = self.upload_url(role, space, item, blob)?;
                ("needed", answer)
            }
        };
        metrics::OPERATIONS.inc_for(&[operation(action), result]);
        Ok(answer)
    }

    /// The URL of an upload: of the bucket if the client sends checksum and size, so that the signature binds the
    /// bytes; else of the gateway, which computes the checksum.
    fn upload_url(
        &self,
        role: &Role,
        space: Space,
        item: Item,
        blob: String,
    ) -> Result<Negotiated, StatusCode> {
        let namespace = role.writes().ok_or(StatusCode::FORBIDDEN)?;
        if item
            .size
            .is_some_and(|size| size > self.settings.max_artifact_size)
        {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let bucket = self.storage.with_urls();
        let bucket = bucket.filter(|bucket| bucket.has_upload_urls());
        let (Some(bucket), Some(sha256), Some(size)) = (bucket, item.sha256, item.size) else {
            return Ok(Negotiated::UploadNeeded {
                url: blob,
                headers: BTreeMap::new(),
            });
        };
        let name = ObjectName {
            namespace,
            space,
            key: item.hash,
        };
        let mut metadata = Metadata {
            sha256,
            size,
            tag: None,
            duration_ms: None,
            signature: None,
        };
        self.signer.sign(&name, &mut metadata);
        let (url, headers) = bucket.upload_url(&name, &metadata);
        Ok(Negotiated::UploadNeeded { url, headers })
    }
}

/// The label of an action.
const fn operation(action: Action) -> &'static str {
    match action {
        Action::Upload => "upload",
        Action::Download => "download",
    }
}

/// `/v1/proxy/blob/{key}`.
pub(super) async fn blob(
    gateway: &Gateway,
    role: &Role,
    key: Key,
    request: Request<Incoming>,
) -> Response {
    let space = Space::Velocity;
    match *request.method() {
        Method::GET | Method::HEAD => match gateway.download(role, space, &key, &request).await {
            Ok(Some((response, _))) => response,
            Ok(None) => text(StatusCode::NOT_FOUND, "File not found"),
            Err(error) => refusal(&failed(&error)),
        },
        Method::PUT => {
            let (head, body) = request.into_parts();
            let claims = Claims::default();
            let stored = gateway.upload(role, space, key, &head.headers, body, claims);
            match stored.await {
                Ok(()) => empty(StatusCode::OK),
                Err(error) => refusal(&error),
            }
        }
        _ => method_not_allowed("GET, HEAD, PUT"),
    }
}

fn refusal(error: &UploadError) -> Response {
    let message = match error {
        UploadError::Forbidden => MAY_ONLY_READ,
        UploadError::Exists => "Key exists",
        UploadError::Checksum => "Checksum mismatch",
        UploadError::Part => "Content-Range in PUT",
        other => reason(status(other)),
    };
    text(status(error), message)
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::INTERNAL_SERVER_ERROR => "Internal server error",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}

fn json_response(json: serde_json::Result<Vec<u8>>) -> Response {
    match json {
        Ok(json) => {
            let mut response = with_bytes(StatusCode::OK, json, "application/json");
            let no_store = header::HeaderValue::from_static("no-store");
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, no_store);
            response
        }
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
    }
}
