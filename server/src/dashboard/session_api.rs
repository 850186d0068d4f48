//! The path `session` of the dashboard's API: who the client is, signing in and signing out. One task for each
//! connection.

use std::sync::Arc;

use hyper::{
    Method, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{
    Dashboard,
    access::{Client, Refusal},
    answers::{bad_request, internal_error, read_json, refused},
};
use crate::{
    http::Response,
    serve::response::{error_response, json_response, method_not_allowed, retry_after},
};

impl Dashboard {
    /// Answers `session`: shows, begins or ends a session.
    pub(super) async fn session(&self, head: &Parts, body: Incoming) -> Response {
        match head.method {
            Method::GET | Method::HEAD => self.show_session(head),
            Method::POST => match read_json(head, body).await {
                Ok(arguments) => self.begin_session(&arguments),
                Err(response) => response,
            },
            Method::DELETE => self.end_session(head).await,
            _ => method_not_allowed("GET, HEAD, POST, DELETE"),
        }
    }

    fn show_session(&self, head: &Parts) -> Response {
        let client = match self.access.reader(head) {
            Err(refusal @ Refusal::ForeignHost) => return refused(refusal),
            client => client.ok(),
        };
        let is_required = self.access.is_token_required();
        let mut view = json!({
            "required": is_required,
            "authenticated": client.is_some(),
            "can_act": is_required && client.is_some(),
            "csrf": match &client {
                Some(Client::Session(session)) => Some(session.csrf.as_str()),
                _ => None,
            },
        });
        // The rest is for clients that may read.
        if let (Some(fields), true) = (view.as_object_mut(), client.is_some()) {
            let of_server = self.engine.identity();
            if let Value::Object(of_server) = of_server {
                fields.extend(of_server);
            }
        }
        json_response(StatusCode::OK, &view)
    }

    fn begin_session(&self, arguments: &Value) -> Response {
        if !self.access.is_token_required() {
            let message = "no token is configured: set serve.token_file";
            return error_response(StatusCode::CONFLICT, "conflict", message, None);
        }
        let Some(token) = arguments.get("token").and_then(Value::as_str) else {
            return bad_request("token: expected a string");
        };
        if let Some(wait) = self.access.login_wait() {
            let message = "too many wrong tokens";
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = error_response(status, "too_many_attempts", message, None);
            let seconds = wait.as_secs().saturating_add(1);
            retry_after(&mut response, u32::try_from(seconds).unwrap_or(u32::MAX));
            return response;
        }
        let Some((session, cookie)) = self.access.login(token) else {
            let message = "the token is wrong";
            return error_response(StatusCode::UNAUTHORIZED, "unauthorized", message, None);
        };
        log::info!("session of the dashboard begun");
        let view = json!({ "csrf": session.csrf, "expires": session.expires });
        with_cookie(json_response(StatusCode::OK, &view), &cookie)
    }

    async fn end_session(&self, head: &Parts) -> Response {
        match self.access.actor(head) {
            Ok(Client::Session(session)) => {
                let access = Arc::clone(&self.access);
                let ended = spawn_blocking(move || access.logout(&session)).await;
                let Ok(cookie) = ended else {
                    return internal_error();
                };
                log::info!("session of the dashboard ended");
                with_cookie(json_response(StatusCode::OK, &json!({})), &cookie)
            }
            Ok(Client::Bearer | Client::Anonymous) => bad_request("this request has no session"),
            Err(refusal) => refused(refusal),
        }
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
