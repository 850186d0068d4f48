//! Detects PHP state that a request of a worker has changed and left: logs it, counts it, and restores it where
//! `worker.reset` says so. In a script of its own, PHP does all that at the end of the script.
//!
//! State is compared with a baseline: first that at the loop's first wait, so that the application's own start is no
//! change; then that after each request, so that each change is attributed to the request that made it. Changes of
//! the first request are accepted, because frameworks set much lazily, in the first request. A request that changes
//! nothing costs a few comparisons, no call and no allocation. Runs on PHP's thread, between two requests.

mod baseline;
mod error_handlers;
mod function_overrides;
mod ini;
pub mod observed_calls;
mod process_wide;
mod report;
mod restore;
pub mod session;
mod stream_wrappers;
mod timezone;

use baseline::{BASELINE, Baseline, HANDLER_KINDS, with_baseline};
use error_handlers::HandlerStack;
use observed_calls::{CALLS, ObservedCalls};
pub use report::RESIDUE_STATS;

/// Captures the baseline when the loop waits for its first request.
pub fn capture_baseline() {
    if with_baseline(|_| ()).is_none() {
        let baseline = CALLS.with(|calls| {
            calls.clear();
            calls.wrappers_may_differ = false;
            Baseline::capture(calls)
        });
        BASELINE.replace(Some(Box::new(baseline)));
    }
}

/// Captures the baseline anew when `request_begin` opens a request: changes between two requests belong to the loop.
/// (In FrankenPHP the code between two requests belongs to the request before: `terminate()` and its like.)
pub fn renew_baseline() {
    capture_baseline();
    CALLS.with(|calls| {
        let wrappers_may_differ = std::mem::take(&mut calls.wrappers_may_differ);
        with_baseline(|baseline| {
            if wrappers_may_differ || !baseline.is_unchanged() {
                let is_first_request = baseline.is_first_request;
                let now = Baseline {
                    is_first_request,
                    ..Baseline::capture(calls)
                };
                let before = std::mem::replace(baseline, now);
                baseline.stale_handlers = before.handlers.into();
            }
        });
    });
    restore::release_stale_handlers();
}

/// Compares the state with the baseline after a request and its hooks.
/// `request_id` returns the id of the request for the log.
pub fn check(request_id: fn() -> String) {
    let (wrappers_may_differ, has_process_changes) =
        CALLS.with(|calls| (calls.wrappers_may_differ, calls.has_process_changes()));
    if wrappers_may_differ || with_baseline(|baseline| baseline.is_unchanged()) == Some(false) {
        restore::compare_and_restore(request_id);
    }
    if has_process_changes {
        process_wide::report_changes(request_id);
    }
    with_baseline(|baseline| baseline.is_first_request = false);
}

/// Releases all references. At the end of the script.
pub fn release() {
    with_baseline(|baseline| {
        let handlers = std::mem::replace(
            &mut baseline.handlers,
            HANDLER_KINDS.map(HandlerStack::empty),
        );
        baseline.stale_handlers = handlers.into();
    });
    restore::release_stale_handlers();
    drop(BASELINE.replace(None));
}

/// Installs the function overrides. In MINIT.
pub fn module_startup() {
    function_overrides::install();
}

/// A script starts. In RINIT.
pub fn script_startup() {
    drop(BASELINE.replace(None));
    drop(CALLS.replace(ObservedCalls::new()));
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    script_startup();
}

/// Runs in a forked child: atomics and plain system calls only.
pub fn after_fork() {
    RESIDUE_STATS.reset();
}
