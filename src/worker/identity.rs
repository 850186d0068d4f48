//! What the runtime is called, and the id of the request under way. Both are found out when PHP asks for
//! them, so that a request which does not ask pays nothing. Where each request is a line in the log, each has an id.

use pillion_engine::{
    Result,
    host::clock,
    uuid,
    worker::{Mode, request_id},
};

use super::{is_frankenphp_worker, runtimes::roadrunner};
use crate::{engine, thread_state::Thread, zend::sapi};

/// The runtime, as `CADDY_WORKER_MODE` would have it.
#[must_use]
pub fn mode() -> Mode {
    let sapi = engine::sapi();
    let is_worker = sapi == "frankenphp" && is_frankenphp_worker();
    Mode::from_sapi(&sapi, is_worker, roadrunner::is_installed(), forced())
}

/// Whether requests share the process's memory here, or somebody says so.
#[must_use]
pub fn is_worker() -> bool {
    forced().unwrap_or_else(|| {
        mode().is_worker() || Thread::with(|thread| thread.worker.boundary.is_loop())
    })
}

/// `CADDY_WORKER_MODE`: of the request (`php_fastcgi { env … }`), else of the process.
fn forced() -> Option<bool> {
    const NAME: &str = "CADDY_WORKER_MODE";
    sapi::server_variable(NAME, |value| value.and_then(Mode::parse_worker_override)).or_else(|| {
        engine::environment_variable(NAME)
            .and_then(|text| Mode::parse_worker_override(text.as_bytes()))
    })
}

/// The id of the request under way; empty between two requests.
///
/// # Errors
/// The system has no randomness.
pub fn request_id() -> Result<String> {
    let known = Thread::with(|thread| match thread.worker.is_in_request() {
        true => thread.worker.id.clone(),
        false => Some(String::new()),
    });
    if let Some(id) = known {
        return Ok(id);
    }
    let id = match from(|name, take| sapi::server_variable(name, |value| value.and_then(take))) {
        Some(id) => id,
        None => made()?,
    };
    Thread::with(|thread| thread.worker.id = Some(id.clone()));
    Ok(id)
}

/// Settles the id of a request that is about to end, for the line of the log that tells of it.
pub fn settle() {
    let is_open =
        Thread::with(|thread| thread.worker.is_in_request() && thread.worker.id.is_none());
    if is_open {
        let look = |name: &str, take: Take| {
            sapi::filled_server_variable(name, |value| value.and_then(take))
        };
        set(from(look).or_else(|| made().ok()).unwrap_or_default());
    }
}

/// The same for a line of the log, which has to go without one rather than fail.
#[must_use]
pub fn known_id() -> String {
    request_id().unwrap_or_default()
}

/// Sets the id of the request that has just begun.
pub fn set(id: String) {
    Thread::with(|thread| thread.worker.id = Some(id));
}

/// What makes an id of a header's value.
type Take = fn(&[u8]) -> Option<String>;

/// The id in the headers that RoadRunner has sent, or in the request's variables, which `look` finds.
fn from(look: impl Fn(&str, Take) -> Option<String>) -> Option<String> {
    roadrunner::id()
        .or_else(|| {
            look("HTTP_X_REQUEST_ID", |value| {
                request_id::from_header(value).map(str::to_owned)
            })
        })
        .or_else(|| {
            look("HTTP_TRACEPARENT", |value| {
                request_id::from_traceparent(value).map(str::to_owned)
            })
        })
}

fn made() -> Result<String> {
    Ok(uuid::v7(clock::unix_ms())?.to_string())
}
