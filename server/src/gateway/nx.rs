//! Nx' self-hosted cache (nx.dev, "Self-hosted caching"): `GET` and `PUT /v1/cache/{hash}`. Nx goes on without storing
//! after 409 and 403, and demands errors as text. One task for each connection.

use hyper::{Method, Request, StatusCode, body::Incoming};
use pillion_engine::remote::{object::Space, protocol::Key};

use super::{
    access::Role,
    core::Gateway,
    response::{status, text},
    upload::{Claims, UploadError, failed},
};
use crate::http::{Response, method_not_allowed};

/// Path of an artifact, before its hash.
pub(super) const PREFIX: &str = "/v1/cache/";

/// Answers a request for an artifact.
pub(super) async fn artifact(
    gateway: &Gateway,
    role: &Role,
    key: Key,
    request: Request<Incoming>,
) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => match gateway.download(role, Space::Nx, &key, &request).await
        {
            Ok(Some((response, _))) => response,
            Ok(None) => text(StatusCode::NOT_FOUND, "The record was not found"),
            Err(error) => refusal(&failed(&error)),
        },
        Method::PUT => {
            let (head, body) = request.into_parts();
            let claims = Claims::default();
            let stored = gateway.upload(role, Space::Nx, key, &head.headers, body, claims);
            match stored.await {
                Ok(()) => text(StatusCode::OK, "Successfully uploaded the output"),
                Err(error) => refusal(&error),
            }
        }
        _ => method_not_allowed("GET, HEAD, PUT"),
    }
}

fn refusal(error: &UploadError) -> Response {
    match error {
        UploadError::Exists => text(StatusCode::CONFLICT, "Cannot override an existing record"),
        UploadError::Forbidden => text(
            StatusCode::FORBIDDEN,
            "Access forbidden. The token may only read.",
        ),
        other => {
            let status = status(other);
            text(status, status.canonical_reason().unwrap_or("Error"))
        }
    }
}
