//! The dashboard of `pillion serve`: a page, its JSON views, server-sent events and actions. The engine makes the
//! views; this module carries them, and decides which clients may read and act. One task for each connection.
//!
//! # Layout
//!
//! * [`assets`]: the embedded page; `headers`: those of every response.
//! * `access`: rights; `session`: signed cookies; `session_api`: signing in and out; `ended`: ended
//!   sessions; `login_limit`: wrong tokens.
//! * `api`: paths; `query`: their parameters; `answers`: bodies and errors; `actions`: changes.
//! * `topics`: views that are computed once a second for all clients; `events`: their stream.

mod access;
mod actions;
mod answers;
mod api;
pub mod assets;
mod ended;
mod events;
mod headers;
mod login_limit;
mod query;
mod session;
mod session_api;
mod topics;

use std::sync::Arc;

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use pillion_engine::{Result, engine::Engine, host::secret::Secret};
use tokio_util::sync::CancellationToken;

use crate::{
    http::{Response, Tokens, empty},
    serve::response::{method_not_allowed, not_found},
};
use access::Access;
use assets::Asset;
use ended::EndedSessions;
use topics::Topics;

/// The path of the page; all other paths begin with it and a slash.
pub const PATH: &str = "/dashboard";

/// The dashboard of a standing server.
pub struct Dashboard {
    engine: Arc<Engine>,
    access: Arc<Access>,
    topics: Arc<Topics>,
    /// Ends event streams, which would keep the server from stopping.
    stop: CancellationToken,
}

impl Dashboard {
    /// Opens it. Event streams end with `stop`.
    ///
    /// # Errors
    /// The host's secret can't be read.
    pub fn open(engine: Arc<Engine>, tokens: Tokens, stop: CancellationToken) -> Result<Self> {
        let state = &engine.dirs()?.state;
        let secret = Secret::of_host(state)?;
        let ended = EndedSessions::open(state.join("dashboard-ended"));
        Ok(Self {
            access: Arc::new(Access::new(tokens, secret, ended)),
            topics: Arc::new(Topics::new(Arc::clone(&engine))),
            engine,
            stop,
        })
    }

    /// Whether a path is one of the dashboard's.
    #[must_use]
    pub fn has(path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Answers a request to one of its paths.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(PATH).unwrap_or_default();
        let mut response = match path.strip_prefix("/api/") {
            Some(path) => {
                let path = path.to_owned();
                self.api(&path, &head, body).await
            }
            None => asset(path, &head),
        };
        headers::add(response.headers_mut());
        response
    }
}

/// 303 to the page, for the root of the server. Relative, so that a front server may put it under a prefix.
pub(crate) fn redirect() -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    let location = HeaderValue::from_static("dashboard");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn asset(path: &str, head: &Parts) -> Response {
    let Some(asset) = Asset::at(path) else {
        return not_found();
    };
    match head.method {
        Method::GET | Method::HEAD => asset.response(is_known(&head.headers, asset.etag())),
        _ => method_not_allowed("GET, HEAD"),
    }
}

/// Whether the client has the version with this ETag.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}
