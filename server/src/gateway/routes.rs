//! Paths of the gateway. The rights of a client are checked here, before any of its body is read. One task for each
//! connection.

use std::{sync::Arc, time::Instant};

use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use pillion_engine::{
    metrics::gateway as metrics,
    remote::protocol::{BLOB_PREFIX, Key, NEGOTIATE_PATH},
};

use super::{
    access::Denied, core::Gateway, metrics_page::MetricsPage, nx, response::text, turborepo,
    velocity,
};
use crate::http::{Handler, Response, is_own_host, method_not_allowed, with_bytes};

const SERVER: &str = concat!("pillion-gateway/", env!("CARGO_PKG_VERSION"));

/// The routes of a gateway.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) gateway: Arc<Gateway>,
    pub(super) metrics: MetricsPage,
}

impl Handler for Routes {
    async fn handle(&self, request: Request<Incoming>) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let mut response = self.route(request).await;
        let status = response.status();
        let labels = [method.as_str(), status.as_str()];
        metrics::REQUESTS.observe(&labels, started.elapsed().as_secs_f64());
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
        response
    }
}

impl Routes {
    async fn route(&self, request: Request<Incoming>) -> Response {
        let gateway = &self.gateway;
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        match path.as_str() {
            "/health" | "/metrics" if !is_read => return method_not_allowed("GET, HEAD"),
            // DNS rebinding: a page of another host would write for all clients.
            path if path != "/health" && gateway.access.is_private() && !is_own_host(&head) => {
                let line = "The host is no name of this machine; set gateway.anonymous or a token";
                return text(StatusCode::FORBIDDEN, line);
            }
            "/health" => {
                return with_bytes(StatusCode::OK, r#"{"status":"up"}"#, "application/json");
            }
            "/metrics" => return self.metrics.page(&head.headers).await,
            _ => {}
        }
        let request = Request::from_parts(head, body);
        let turborepo = path.strip_prefix(turborepo::PATH);
        let turborepo = turborepo.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if turborepo.is_some() && *request.method() == Method::OPTIONS {
            return turborepo::preflight();
        }
        let role = match gateway.access.role(request.headers()) {
            Ok(role) => role,
            Err(denied) if turborepo.is_some() => return turborepo::denied(denied),
            Err(Denied::Missing) => return unauthorized(),
            Err(Denied::Wrong) => return text(StatusCode::FORBIDDEN, "Forbidden: unknown token"),
        };
        if let Some(rest) = turborepo {
            return turborepo::route(gateway, &role, rest, request).await;
        }
        if path == NEGOTIATE_PATH {
            return match *request.method() {
                Method::POST => velocity::negotiate(gateway, &role, request).await,
                _ => method_not_allowed("POST"),
            };
        }
        let prefixes = [BLOB_PREFIX, nx::PREFIX];
        let [blob, record] = prefixes.map(|prefix| path.strip_prefix(prefix).map(Key::parse));
        match (blob, record) {
            (Some(None), _) | (_, Some(None)) => text(StatusCode::BAD_REQUEST, "Invalid key"),
            (Some(Some(key)), _) => velocity::blob(gateway, &role, key, request).await,
            (_, Some(Some(key))) => nx::artifact(gateway, &role, key, request).await,
            (None, None) => text(StatusCode::NOT_FOUND, "404 page not found"),
        }
    }
}

fn unauthorized() -> Response {
    let mut response = text(StatusCode::UNAUTHORIZED, "Unauthorized");
    let bearer = HeaderValue::from_static("Bearer");
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, bearer);
    response
}
