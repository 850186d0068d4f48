//! State transitions: the runtimes report events, each event advances the thread's state machine, and its effects start
//! or end a request in the modules that follow requests. On PHP's threads.

use pillion_engine::worker::{
    Effects, Event, RequestStateError, request_state::OpenedBy, request_stats,
};

use super::{hooks, orphans, process_stats, publish, request_id, reset, sentry_wake, state};
use crate::{log as php_log, zend::memory};

/// Advances the thread's state machine with an event of a runtime, and applies its effects.
///
/// # Errors
/// The application has called a function that this state does not allow.
pub fn advance(event: Event) -> Result<Effects, RequestStateError> {
    let may_end = matches!(
        event,
        Event::ScriptEnds | Event::Handled(true) | Event::Waits | Event::ManualEnd
    );
    if may_end && process_stats::is_logged() {
        request_id::ensure();
    }
    let effects = state::advance(event)?;
    if effects.discard {
        state::discard_request();
        request_id::clear();
        publish::request_discarded();
        sentry_wake::request_ended();
    }
    if effects.start_candidate {
        start();
    }
    if effects.begin {
        request_stats::begin();
    }
    if effects.end {
        end();
    }
    if matches!(event, Event::Waits) {
        reset::check_leaks();
    }
    Ok(effects)
}

fn start() {
    request_id::clear();
    hooks::clear_run();
    if state::is_loop() {
        reset::request_started();
    }
    state::start_request();
    publish::request_started();
    orphans::request_started();
}

fn end() {
    let request = state::end_request();
    let id = request_id::take();
    hooks::clear_run();
    request_stats::end(request.duration);
    if process_stats::is_logged() {
        log::debug!(
            ms = request.duration.as_secs_f64() * 1000.0,
            request_id = id.as_deref().unwrap_or_default(),
            memory = memory::usage(),
            baseline = request.baseline;
            "request handled"
        );
    }
    publish::request_ended();
    sentry_wake::request_ended();
    // The script of a worker may run for days, and only a PHP thread may write to PHP's log.
    php_log::hand_over();
}

/// The message for a call that the state machine refuses.
#[must_use]
pub fn explain(refusal: RequestStateError) -> String {
    match refusal {
        RequestStateError::AlreadyBegun => {
            "request_begin() was called in a request that request_begin() has begun: end it with request_end() first".to_owned()
        }
        RequestStateError::TrackedByRuntime(by) => format!(
            "request_begin() is for loops that Pillion does not know: here {} begins and ends requests",
            match by {
                OpenedBy::Handler => "frankenphp_handle_request()",
                OpenedBy::Received => "RoadRunner's waitPayload()",
                OpenedBy::Script | OpenedBy::Manual => "the server API",
            }
        ),
        RequestStateError::NotBegun => {
            "request_end() was called without a request that request_begin() has begun".to_owned()
        }
    }
}
