//! The id of the request in progress: from its headers, else generated. It is made when PHP asks for it, so that a
//! request that does not ask pays nothing; where each request is a line in the log, each has an id. On PHP's threads.

use pillion_engine::{
    Result,
    host::clock,
    uuid,
    worker::request_id::{from_header, from_traceparent},
};

use super::{process_stats, runtimes::relay, state};
use crate::{thread_state::thread_state, zend::sapi};

thread_state! {
    /// The id of the request in progress, once it is known.
    static ID: Option<String> = None;
}

/// The id of the request in progress; empty between two requests.
///
/// # Errors
/// The system has no randomness.
pub fn get() -> Result<String> {
    if !state::is_in_request() {
        return Ok(String::new());
    }
    if let Some(id) = ID.with(|id| id.clone()) {
        return Ok(id);
    }
    let id = match find(|name, parse| sapi::server_variable(name, |value| value.and_then(parse))) {
        Some(id) => id,
        None => generate()?,
    };
    set(id.clone());
    Ok(id)
}

/// The id for a line of the log, which must not fail for the lack of one.
#[must_use]
pub fn get_or_empty() -> String {
    get().unwrap_or_default()
}

/// Sets the id of the request that has just started.
pub fn set(value: String) {
    ID.replace(Some(value));
}

/// Makes the id of a request that is about to end, for its line in the log.
pub(super) fn ensure() {
    if state::is_in_request() && ID.with(|id| id.is_none()) {
        let read = |name: &str, parse: Parse| {
            sapi::filled_server_variable(name, |value| value.and_then(parse))
        };
        set(find(read).or_else(|| generate().ok()).unwrap_or_default());
    }
}

/// Takes the id of a request that has ended.
pub(super) fn take() -> Option<String> {
    ID.replace(None)
}

/// Removes the id of the request before.
pub(super) fn clear() {
    drop(take());
}

/// A script has started. In RINIT; at its end PHP may have no memory left to find the id.
pub(super) fn script_started() {
    if process_stats::is_logged() {
        let _ = get();
    }
}

/// Parses the value of a header.
type Parse = fn(&[u8]) -> Option<String>;

/// The id in the headers that RoadRunner has sent, or in the request's variables, which `read` reads.
fn find(read: impl Fn(&str, Parse) -> Option<String>) -> Option<String> {
    relay::request_id()
        .or_else(|| {
            read("HTTP_X_REQUEST_ID", |value| {
                from_header(value).map(str::to_owned)
            })
        })
        .or_else(|| {
            read("HTTP_TRACEPARENT", |value| {
                from_traceparent(value).map(str::to_owned)
            })
        })
}

fn generate() -> Result<String> {
    Ok(uuid::v7(clock::unix_ms())?.to_string())
}
