//! Paths of the API after `/dashboard/api/`: their access rights and their answers. One task for each connection.

use hyper::{
    Method, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    http::request::Parts,
};
use pillion_engine::{
    artifacts::Key,
    engine::{Engine, views::ArtifactPage},
};
use serde_json::Value;
use std::sync::Arc;
use tokio::task::spawn_blocking;

use super::{
    Dashboard,
    actions::{self, Failure},
    answers::{bad_request, internal_error, read_json, refused},
    events,
    query::{self, parameter},
};
use crate::{
    http::{Response, with_bytes},
    serve::response::{error_response, json_response, method_not_allowed, not_found},
};

/// The largest page of a list.
const MAX_PAGE: usize = 1000;
const PAGE: usize = 100;
/// Bytes of a pattern of keys at most: the search takes time for each of them.
const MAX_PATTERN: usize = 1024;

impl Dashboard {
    pub(super) async fn api(&self, path: &str, head: &Parts, body: Incoming) -> Response {
        if path == "session" {
            return self.session(head, body).await;
        }
        if actions::is_action(path) {
            return self.action(path, head, body).await;
        }
        if let Err(refusal) = self.access.reader(head) {
            return refused(refusal);
        }
        match head.method {
            Method::GET | Method::HEAD => self.view(path, head).await,
            _ if self.is_view(path) => method_not_allowed("GET, HEAD"),
            _ => not_found(),
        }
    }

    fn is_view(&self, path: &str) -> bool {
        self.topics.find(path).is_some()
            || matches!(
                path,
                "events" | "artifacts" | "cache/keys" | "sentry/dead-letters"
            )
            || path.starts_with("sentry/dead-letters/")
    }

    async fn view(&self, path: &str, head: &Parts) -> Response {
        let query = head.uri.query();
        if let Some(at) = self.topics.find(path) {
            return match self.topics.get(at).await {
                Some(view) => json_bytes(view),
                None => internal_error(),
            };
        }
        let Some(limit) = query::limit(query, PAGE, MAX_PAGE) else {
            return bad_request(&format!("limit: expected a number from 1 to {MAX_PAGE}"));
        };
        match path {
            "events" => {
                let names = parameter(query, "topics").unwrap_or_default();
                let (access, head) = (Arc::clone(&self.access), head.clone());
                let may_read = move || access.reader(&head).is_ok();
                events::respond(&self.topics, &names, &self.stop, may_read)
            }
            "artifacts" => {
                let after = parameter(query, "after").filter(|after| !after.is_empty());
                let after = match after.map(|after| after.parse::<Key>()) {
                    None => None,
                    Some(Ok(after)) => Some(after),
                    Some(Err(error)) => return bad_request(&format!("after: {error}")),
                };
                let search = parameter(query, "search").unwrap_or_default();
                let page = ArtifactPage {
                    after,
                    limit,
                    search,
                };
                self.read(move |engine| {
                    engine
                        .artifacts_view(&page)
                        .map(Some)
                        .map_err(|error| error.to_string())
                })
                .await
            }
            "cache/keys" => {
                let of = |name| query::bytes(query, name).filter(|value| !value.is_empty());
                let (pattern, after) = (of("pattern"), of("after"));
                if pattern
                    .as_ref()
                    .is_some_and(|bytes| bytes.len() > MAX_PATTERN)
                {
                    let message = format!("pattern: expected {MAX_PATTERN} bytes at most");
                    return bad_request(&message);
                }
                let after = match parameter(query, "after_base64") {
                    Some(text) => actions::base64(&text),
                    None => after,
                };
                self.read(move |engine| {
                    Ok(Some(engine.cache_keys_view(
                        pattern.as_deref(),
                        limit,
                        after.as_deref(),
                    )))
                })
                .await
            }
            "sentry/dead-letters" => {
                let after = parameter(query, "after").filter(|after| !after.is_empty());
                self.read(move |engine| Ok(Some(engine.dead_letters_view(limit, after.as_deref()))))
                    .await
            }
            _ => match path.strip_prefix("sentry/dead-letters/") {
                Some(id) => {
                    let id = id.to_owned();
                    self.read(move |engine| Ok(engine.dead_letter_view(&id)))
                        .await
                }
                None => not_found(),
            },
        }
    }

    /// Answers with a view that is computed for this client only.
    async fn read(
        &self,
        view: impl FnOnce(&Engine) -> Result<Option<Value>, String> + Send + 'static,
    ) -> Response {
        let engine = Arc::clone(&self.engine);
        match spawn_blocking(move || view(&engine)).await {
            Ok(Ok(Some(view))) => json_response(StatusCode::OK, &view),
            Ok(Ok(None)) => not_found(),
            Ok(Err(message)) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                error_response(status, "internal_error", &message, None)
            }
            Err(error) => {
                log::error!(error:%; "view of the dashboard failed");
                internal_error()
            }
        }
    }

    async fn action(&self, path: &str, head: &Parts, body: Incoming) -> Response {
        if head.method != Method::POST {
            return method_not_allowed("POST");
        }
        if let Err(refusal) = self.access.actor(head) {
            return refused(refusal);
        }
        let arguments = match read_json(head, body).await {
            Ok(arguments) => arguments,
            Err(response) => return response,
        };
        let outcome = actions::run(&self.engine, path, &arguments).await;
        self.topics.invalidate().await;
        match outcome {
            Ok(done) => json_response(StatusCode::OK, &done),
            Err(Failure::Invalid(message)) => bad_request(&message),
            Err(Failure::Missing(message)) => {
                error_response(StatusCode::NOT_FOUND, "not_found", &message, None)
            }
            Err(Failure::Conflict(message)) => {
                error_response(StatusCode::CONFLICT, "conflict", &message, None)
            }
            Err(Failure::Failed(message)) => {
                log::error!(action = path, error = message.as_str(); "action of the dashboard failed");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                error_response(status, "internal_error", &message, None)
            }
        }
    }
}

fn json_bytes(view: Bytes) -> Response {
    let mut response = with_bytes(StatusCode::OK, view, "application/json");
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}
