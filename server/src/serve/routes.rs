//! Paths of the standing server. One task for each connection.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
};
use pillion_engine::{engine::Engine, metrics::Format, velox::delivery::PATH_PREFIX};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::response::{error_response, json_response, method_not_allowed, not_found};
use crate::{
    dashboard::{self, Dashboard},
    delivery::Delivery,
    http::{Handler, Response, Tokens, is_own_host, with_bytes},
};

const SERVER: &str = concat!("pillion/", env!("CARGO_PKG_VERSION"));
/// A longer body of a request is not read to its end: the connection closes after the response.
const MAX_IGNORED_BODY: u64 = 64 * 1024;

/// The routes of the standing server.
pub(super) struct Routes {
    pub(super) engine: Arc<Engine>,
    pub(super) delivery: Delivery,
    pub(super) dashboard: Dashboard,
    pub(super) tokens: Tokens,
    /// Whether clients of other machines need no token.
    pub(super) allow_anonymous: bool,
}

impl Handler for Routes {
    async fn handle(&self, request: Request<Incoming>) -> Response {
        if Dashboard::has(request.uri().path()) {
            let mut response = self.dashboard.answer(request).await;
            let server = HeaderValue::from_static(SERVER);
            response.headers_mut().insert(header::SERVER, server);
            return response;
        }
        let (head, body) = request.into_parts();
        let has_long_body = body.size_hint().lower() > MAX_IGNORED_BODY;
        let mut response = tokio::select! {
            biased;
            response = self.route(Request::from_parts(head, ())) => response,
            () = broken(body) => {
                let message = "the request's body has not arrived";
                error_response(StatusCode::BAD_REQUEST, "bad_request", message, None)
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
        if has_long_body {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Ends if the client disconnects within its request's body. Drops the body, because hyper notices a client that
/// disconnects behind it only when all of it was read.
async fn broken(mut body: Incoming) {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return;
        }
    }
    std::future::pending().await
}

impl Routes {
    async fn route(&self, request: Request<()>) -> Response {
        let path = request.uri().path().to_owned();
        let path = path.as_str();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if let Some(ticket) = path.strip_prefix(PATH_PREFIX) {
            if !is_read {
                return method_not_allowed("GET, HEAD");
            }
            let ticket = ticket.to_owned();
            return self.delivery.deliver(&ticket, &request).await;
        }
        match path {
            "/" | "/health" | "/metrics" if !is_read => method_not_allowed("GET, HEAD"),
            "/" => dashboard::redirect(),
            "/health" => self.health(),
            "/metrics" => {
                let (head, ()) = request.into_parts();
                let is_open = !self.tokens.is_empty() || self.allow_anonymous;
                // DNS rebinding: a page of another host would read the metrics.
                if !is_open && !is_own_host(&head) {
                    return foreign_host();
                }
                match self.tokens.accept(head.headers.get(header::AUTHORIZATION)) {
                    true => self.metrics(&head.headers).await,
                    false => unauthorized(),
                }
            }
            _ => not_found(),
        }
    }

    fn health(&self) -> Response {
        json_response(
            StatusCode::OK,
            &json!({
                "status": "ok",
                "version": env!("CARGO_PKG_VERSION"),
                "leader": self.engine.is_leader(),
            }),
        )
    }

    async fn metrics(&self, headers: &HeaderMap) -> Response {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        let format = Format::of_accept(accept.unwrap_or_default());
        let engine = Arc::clone(&self.engine);
        match spawn_blocking(move || engine.render_metrics("", format)).await {
            Ok(page) => with_bytes(StatusCode::OK, page, format.content_type()),
            Err(error) => {
                log::error!(error:%; "metrics page failed");
                let message = "the page can't be rendered";
                error_response(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal_error",
                    message,
                    None,
                )
            }
        }
    }
}

fn foreign_host() -> Response {
    let message = "without serve.token_file this page is for names and addresses of this machine: use localhost";
    error_response(StatusCode::FORBIDDEN, "foreign_host", message, None)
}

fn unauthorized() -> Response {
    let message = "a bearer token is required: `Authorization: Bearer …`";
    let mut response = error_response(StatusCode::UNAUTHORIZED, "unauthorized", message, None);
    let bearer = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    response
}
