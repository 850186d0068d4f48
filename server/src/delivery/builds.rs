//! Builds without a waiting client (`Prefer: respond-async`): each goes on in a task of its own, one for each
//! configuration, until it has ended or the process does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use pillion_engine::{
    Error, Result,
    velox::{BuildRequest, delivery::Ticket},
};
use serde_json::json;

use super::{errors, source::Source};
use crate::{
    http::Response,
    serve::response::{json_response, retry_after},
};

/// Builds without a client at once.
const MAX_DETACHED: usize = 256;
/// Time for which the failure of a build is kept for its client.
const FAILURE_TTL: Duration = Duration::from_secs(60);
/// Seconds after which a client of a build in progress is asked to come back.
const POLL_INTERVAL: u32 = 2;

/// Builds without a client, by the digest of their configuration.
#[derive(Debug, Default)]
pub(super) struct DetachedBuilds(Mutex<HashMap<[u8; 32], DetachedBuild>>);

#[derive(Debug)]
struct DetachedBuild {
    started: Instant,
    failure: Option<(Instant, Error)>,
}

impl DetachedBuilds {
    /// The time since the build's start, and whether it is to be started now.
    ///
    /// # Errors
    /// The failure of the build that has ended, once; [`Error::QueueFull`].
    fn join(&self, digest: [u8; 32]) -> Result<(Duration, bool)> {
        let mut builds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        builds.retain(|_, build| {
            let failure = build.failure.as_ref();
            failure.is_none_or(|(at, _)| at.elapsed() < FAILURE_TTL)
        });
        if let Some(build) = builds.get(&digest) {
            let elapsed = build.started.elapsed();
            if let Some((_, error)) = build.failure.clone() {
                builds.remove(&digest);
                return Err(error);
            }
            return Ok((elapsed, false));
        }
        if builds.len() >= MAX_DETACHED {
            return Err(Error::QueueFull(format!(
                "{MAX_DETACHED} builds without a client are in progress"
            )));
        }
        let build = DetachedBuild {
            started: Instant::now(),
            failure: None,
        };
        builds.insert(digest, build);
        Ok((Duration::ZERO, true))
    }

    fn end<T>(&self, digest: [u8; 32], outcome: Result<T>) {
        let mut builds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (outcome, builds.get_mut(&digest)) {
            (Err(error), Some(build)) => build.failure = Some((Instant::now(), error)),
            _ => drop(builds.remove(&digest)),
        }
    }
}

/// Answers 202, and lets the build go on.
pub(super) fn detach(
    builds: &Arc<DetachedBuilds>,
    source: &Source,
    ticket: &Ticket,
    request: BuildRequest,
    path: &str,
) -> Response {
    let digest = ticket.digest;
    let (elapsed, is_new) = match builds.join(digest) {
        Ok(joined) => joined,
        Err(error) => return errors::response(&error, ticket),
    };
    if is_new {
        let (builds, source) = (Arc::clone(builds), source.clone());
        tokio::spawn(async move {
            let built = source.build(request, |_| ()).await;
            builds.end(digest, built);
        });
    }
    let mut response = json_response(
        StatusCode::ACCEPTED,
        &json!({
            "status": "building",
            "request_id": ticket.request_id.to_string(),
            "elapsed": elapsed.as_millis() as f64 / 1000.0,
        }),
    );
    retry_after(&mut response, POLL_INTERVAL);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(path) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(
        HeaderName::from_static("preference-applied"),
        HeaderValue::from_static("respond-async"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_a_detached_build_is_reported_once() {
        let builds = DetachedBuilds::default();
        let digest = [1; 32];
        assert!(builds.join(digest).unwrap().1);
        assert!(!builds.join(digest).unwrap().1);
        builds.end::<()>(digest, Err(Error::Remote("down".into())));
        assert!(matches!(builds.join(digest), Err(Error::Remote(_))));
        assert!(builds.join(digest).unwrap().1, "it is tried again");
        builds.end(digest, Ok(()));
        assert!(builds.0.lock().unwrap().is_empty());
    }

    #[test]
    fn detached_builds_are_bounded() {
        let builds = DetachedBuilds::default();
        for number in 0..MAX_DETACHED {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            assert!(builds.join(digest).is_ok());
        }
        assert!(matches!(builds.join([9; 32]), Err(Error::QueueFull(_))));
    }
}
