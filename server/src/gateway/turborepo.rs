//! Turborepo's remote cache, version 8 (vercel.com/docs/rest-api/artifacts). Its signatures (`x-artifact-tag`) are
//! those of its clients: stored and handed out as they come. One task for each connection.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use pillion_engine::remote::{
    object::Space,
    protocol::{Key, MAX_KEYS},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    access::{Denied, Role},
    core::Gateway,
    download::insert,
    many, response,
    upload::{Claims, UploadError, failed},
};
use crate::http::{BodyLimits, Response, empty, method_not_allowed, read_body, with_bytes};

/// Path of all artifacts.
pub(super) const PATH: &str = "/v8/artifacts";

const TAG: &str = "x-artifact-tag";
const DURATION: &str = "x-artifact-duration";
const MAX_TAG: usize = 600;
const MAX_TEAM: usize = 64;
const BODY_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 512 * 1024,
    timeout: Duration::from_secs(30),
};

#[derive(Deserialize)]
struct Query {
    hashes: Vec<String>,
}

/// Answers a request; `rest` is the path behind [`PATH`].
pub(super) async fn route(
    gateway: &Arc<Gateway>,
    role: &Role,
    rest: &str,
    request: Request<Incoming>,
) -> Response {
    let Some(space) = space(request.uri().query().unwrap_or_default()) else {
        return error(StatusCode::BAD_REQUEST, "bad_request", "Invalid team");
    };
    let method = request.method().clone();
    match (rest, &method) {
        ("/status", &Method::GET) => json_response(StatusCode::OK, &json!({"status": "enabled"})),
        ("/events", &Method::POST) => events(request).await,
        ("", &Method::POST) => query(gateway, role, &space, request).await,
        ("/status", _) => method_not_allowed("GET, OPTIONS"),
        ("/events" | "", _) => method_not_allowed("POST, OPTIONS"),
        (hash, method) => match (hash.strip_prefix('/').and_then(Key::parse), method) {
            (None, _) => error(StatusCode::BAD_REQUEST, "bad_request", "Invalid hash"),
            (Some(key), &Method::GET | &Method::HEAD) => {
                download(gateway, role, space, &key, &request).await
            }
            (Some(key), &Method::PUT) => upload(gateway, role, space, key, request).await,
            (Some(_), _) => method_not_allowed("GET, HEAD, PUT, OPTIONS"),
        },
    }
}

/// The answer to a client without rights.
pub(super) fn denied(denied: Denied) -> Response {
    match denied {
        Denied::Missing => error(StatusCode::UNAUTHORIZED, "unauthorized", "Missing token"),
        Denied::Wrong => error(StatusCode::FORBIDDEN, "forbidden", "Invalid token"),
    }
}

/// The team of a query, by id or else by name; `None` if it is no name.
fn space(query: &str) -> Option<Space> {
    let value = |wanted: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, value)| *name == wanted && !value.is_empty());
        found.map(|(_, value)| value)
    };
    let Some(team) = value("teamId").or_else(|| value("slug")) else {
        return Some(Space::Turborepo(None));
    };
    let team = Key::parse(team).filter(|team| team.as_str().len() <= MAX_TEAM)?;
    Some(Space::Turborepo(Some(team)))
}

/// The answer to OPTIONS: clients ask where to send a request, and whether the token goes along: to the same URL, with
/// it. It needs no token, and says nothing about artifacts.
pub(super) fn preflight() -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, HEAD, PUT, POST, OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, User-Agent, x-artifact-duration, x-artifact-tag, x-artifact-client-ci, \
             x-artifact-client-interactive",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Hits and misses of the client's own cache; the gateway counts its own.
async fn events(request: Request<Incoming>) -> Response {
    match read_body(request.into_body(), BODY_LIMITS).await {
        Ok(_) => empty(StatusCode::OK),
        Err(error) => self::error(error.status(), "bad_request", "Invalid request body"),
    }
}

async fn query(
    gateway: &Arc<Gateway>,
    role: &Role,
    space: &Space,
    request: Request<Incoming>,
) -> Response {
    let body = match read_body(request.into_body(), BODY_LIMITS).await {
        Ok(body) => body,
        Err(error) => return self::error(error.status(), "bad_request", "Invalid request body"),
    };
    let hashes = serde_json::from_slice(&body)
        .ok()
        .filter(|query: &Query| query.hashes.len() <= MAX_KEYS);
    let Some(Query { hashes }) = hashes else {
        return error(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "Invalid request body",
        );
    };
    let answers = many::each(hashes.into_iter(), |hash| {
        let (gateway, role, space) = (Arc::clone(gateway), role.clone(), space.clone());
        async move {
            let found = match Key::parse(&hash) {
                Some(key) => gateway.find(&role, &space, &key).await,
                None => Ok(None),
            };
            let found = found.map_err(|error| response::status(&failed(&error)))?;
            let described = found.map_or(Value::Null, |found| {
                json!({
                    "size": found.metadata.size,
                    "taskDurationMs": found.metadata.duration_ms.unwrap_or_default(),
                    "tag": found.metadata.tag,
                })
            });
            Ok((hash, described))
        }
    });
    match answers.await {
        Ok(answers) => json_response(
            StatusCode::OK,
            &Value::Object(answers.into_iter().collect()),
        ),
        Err(status) => error(status, "storage_unavailable", "The storage fails"),
    }
}

async fn download(
    gateway: &Gateway,
    role: &Role,
    space: Space,
    key: &Key,
    request: &Request<Incoming>,
) -> Response {
    match gateway.download(role, space, key, request).await {
        Ok(Some((mut response, metadata))) => {
            let headers = response.headers_mut();
            let duration = metadata.duration_ms.unwrap_or_default();
            headers.insert(DURATION, HeaderValue::from(duration));
            if let Some(tag) = &metadata.tag {
                insert(headers, header::HeaderName::from_static(TAG), tag);
            }
            response
        }
        Ok(None) => error(StatusCode::NOT_FOUND, "not_found", "Artifact not found"),
        Err(error) => refusal(&failed(&error)),
    }
}

async fn upload(
    gateway: &Gateway,
    role: &Role,
    space: Space,
    key: Key,
    request: Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let Some(claims) = claims(&head.headers) else {
        return error(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "Invalid x-artifact header",
        );
    };
    let url = format!("{}{PATH}/{key}", gateway.base_url(&head.headers, &head.uri));
    let stored = gateway.upload(role, space, key, &head.headers, body, claims);
    match stored.await {
        Ok(()) => json_response(StatusCode::ACCEPTED, &json!({"urls": [url]})),
        Err(error) => refusal(&error),
    }
}

/// The record that a client sends; `None` if a header is invalid.
fn claims(headers: &HeaderMap) -> Option<Claims> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().ok());
    let tag = match text(TAG) {
        None => None,
        Some(tag) => {
            let tag = tag?;
            let is_valid = tag.len() <= MAX_TAG && tag.bytes().all(|byte| byte.is_ascii_graphic());
            Some(is_valid.then(|| tag.to_owned())?)
        }
    };
    let duration_ms = match text(DURATION) {
        None => None,
        Some(duration) => Some(duration?.trim().parse().ok()?),
    };
    Some(Claims { tag, duration_ms })
}

fn refusal(failure: &UploadError) -> Response {
    let status = response::status(failure);
    let (code, message) = match failure {
        UploadError::Forbidden => ("forbidden", "The token may only read"),
        UploadError::Exists => ("artifact_exists", "The artifact exists"),
        UploadError::TooLarge => ("too_large", "The artifact is too large"),
        UploadError::Part => ("bad_request", "Content-Range in PUT"),
        UploadError::Checksum | UploadError::NoLength | UploadError::Body(_) => {
            ("bad_request", "Invalid request body")
        }
        UploadError::Full | UploadError::Storage | UploadError::Busy => {
            ("storage_unavailable", "The storage fails")
        }
    };
    error(status, code, message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json_response(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    with_bytes(status, value.to_string(), "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn team_of_a_query_is_a_name_or_refused() {
        let team = |name: &str| Some(Space::Turborepo(Key::parse(name)));
        assert_eq!(space(""), Some(Space::Turborepo(None)));
        assert_eq!(space("teamId=&slug="), Some(Space::Turborepo(None)));
        assert_eq!(space("slug=a&teamId=team_b"), team("team_b"));
        assert_eq!(space("teamId=&slug=a"), team("a"));
        for bad in [
            "teamId=..%2F",
            "slug=a/b",
            &format!("slug={}", "a".repeat(65)),
        ] {
            assert_eq!(space(bad), None, "{bad}");
        }
    }
}
