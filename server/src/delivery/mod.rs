//! Delivery of artifacts to clients of HTTP. A client comes with a ticket that PHP has signed, and the path of a file
//! never comes from a client: the ticket names a build, which is found in the cache or built. One task for each
//! connection; files are opened on the blocking threads.
//!
//! # Layout
//!
//! Each file uses only those of the lines below it.
//!
//! * `builds`, `events`: a build without a waiting client, and the progress of one; `errors`: its failure.
//! * `source`: from a ticket to an open file, or to the request that is to be built; `active_builds`: builds in
//!   progress.
//! * `binary`: the response with a binary.
//! * `open_files`, `transfer`: the bytes on their way.

mod active_builds;
mod binary;
mod builds;
mod errors;
mod events;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod open_files;
mod source;
mod transfer;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use hyper::{
    HeaderMap, Request, StatusCode,
    header::{self, HeaderName},
};
use pillion_engine::{
    Result,
    engine::Engine,
    host::{clock, secret::Secret},
    metrics::delivery as metrics,
    velox::delivery::{InvalidTicket, StoredRequests, Ticket},
};

use tokio::task::spawn_blocking;

use crate::{http::Response, serve::response::error_response};
use builds::DetachedBuilds;
use source::{Found, Source};
pub use transfer::active_transfers;

/// Delivers the artifacts of one host.
pub struct Delivery {
    state_dir: PathBuf,
    secret: Mutex<Secret>,
    source: Source,
    detached: Arc<DetachedBuilds>,
}

impl Delivery {
    /// Opens the delivery of the engine's host.
    ///
    /// # Errors
    /// A directory or the host's secret is not usable.
    pub fn open(engine: Arc<Engine>) -> Result<Self> {
        let dirs = engine.dirs()?;
        let secret = Secret::of_host(&dirs.state)?;
        let requests = StoredRequests::new(&dirs.run);
        Ok(Self {
            state_dir: dirs.state.clone(),
            secret: Mutex::new(secret),
            source: Source::new(engine, requests),
            detached: Arc::default(),
        })
    }

    /// The number of builds that clients have asked for and that have not ended.
    #[must_use]
    pub fn active_builds(&self) -> usize {
        self.source.active_builds().count()
    }

    /// Waits until there are none.
    pub async fn builds_ended(&self) {
        self.source.active_builds().ended().await;
    }

    /// Answers a GET or HEAD request that has this text in the place of a ticket.
    pub async fn deliver<B: Sync>(&self, ticket: &str, request: &Request<B>) -> Response {
        let started = Instant::now();
        let ticket = match self.verify(ticket).await {
            Ok(ticket) => ticket,
            Err(reason) => return refused(reason),
        };
        let (path, headers) = (request.uri().path(), request.headers());
        let build = match self.source.find(&ticket).await {
            Ok(Found::Binary(binary)) if wants_events(headers) => {
                return events::finished(path, &binary.record, binary.cache_status);
            }
            Ok(Found::Binary(binary)) => return binary.respond(request, &ticket, started),
            Ok(Found::Request(build)) => *build,
            Ok(Found::Nothing) => return gone(&ticket),
            Err(error) => return errors::response(&error, &ticket),
        };
        if wants_events(headers) {
            return events::respond(&self.source, ticket, build, path);
        }
        if prefers_async(headers) {
            return builds::detach(&self.detached, &self.source, &ticket, build, path);
        }
        // Dropped when the client disconnects, which frees what only this client waited for.
        let built = match self.source.build(build, |_| ()).await {
            Ok(artifact) => self.source.open(artifact).await,
            Err(error) => Err(error),
        };
        match built {
            Ok(binary) => binary.respond(request, &ticket, started),
            Err(error) => errors::response(&error, &ticket),
        }
    }
}

impl Delivery {
    /// Verifies a ticket, also if the directory with the secret was removed and another process made a new one. Makes
    /// none itself: with it, a client without a ticket would end all tickets of the former one.
    async fn verify(&self, ticket: &str) -> Result<Ticket, InvalidTicket> {
        let secret = self.secret().clone();
        let verified = Ticket::verify(ticket, clock::unix_ms(), &secret);
        if !matches!(verified, Err(InvalidTicket::WrongSignature)) {
            return verified;
        }
        let state_dir = self.state_dir.clone();
        match spawn_blocking(move || Secret::existing(&state_dir)).await {
            Ok(Ok(Some(renewed))) if renewed != secret => {
                *self.secret() = renewed.clone();
                Ticket::verify(ticket, clock::unix_ms(), &renewed)
            }
            _ => verified,
        }
    }

    fn secret(&self) -> MutexGuard<'_, Secret> {
        self.secret.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone(ticket: &Ticket) -> Response {
    error_response(
        StatusCode::GONE,
        "gone",
        "the artifact is not there any more; ask for a new link",
        Some(&ticket.request_id.to_string()),
    )
}

/// The reason stays here: a client that guesses learns nothing. Counted, because anybody can fill a log with guesses.
fn refused(reason: InvalidTicket) -> Response {
    metrics::REFUSED_TICKETS.inc_for(&[reason.name()]);
    log::debug!(reason:%; "ticket refused");
    match reason {
        InvalidTicket::Expired => error_response(
            StatusCode::GONE,
            "expired",
            "this link has expired; ask for a new one",
            None,
        ),
        _ => error_response(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this link is not valid",
            None,
        ),
    }
}

fn wants_events(headers: &HeaderMap) -> bool {
    has_item(headers, header::ACCEPT, "text/event-stream")
}

fn prefers_async(headers: &HeaderMap) -> bool {
    has_item(headers, HeaderName::from_static("prefer"), "respond-async")
}

/// Whether a list has an item, its parameters aside.
fn has_item(headers: &HeaderMap, name: HeaderName, item: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|part| part.split(';').next())
        .any(|part| part.trim().eq_ignore_ascii_case(item))
}
