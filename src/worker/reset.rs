//! The reset between two requests: the application's hooks, then output buffers, scope, PHP state and working
//! directory, then PHP's garbage collector. It runs when the client has its answer, where the runtime allows that:
//! after `frankenphp_handle_request`, before RoadRunner's worker waits again, in `request_end()`; else (php-fpm,
//! scripts, after `exit()` and fatal errors) as the last shutdown function. PHP code runs here and may throw or never
//! return, so nothing on these frames has a destructor. On PHP's threads.

use std::ffi::CString;

use super::{
    gc, hooks, memory_trend, request_id,
    runtimes::{self, Runtime},
    scope, sentry_scope, state,
};
use crate::{
    futures, leak_check, residue,
    thread_state::thread_state,
    zend::{cwd, exception, interrupt::is_throwing, output, owned::OwnedZval, shutdown},
};

thread_state! {
    static BASELINE: Baseline = Baseline::new();
}

/// State at the start of the request, which the reset restores.
struct Baseline {
    directory: Option<CString>,
    /// Number of open output buffers.
    output_level: i32,
}

impl Baseline {
    const fn new() -> Self {
        Self {
            directory: None,
            output_level: 0,
        }
    }
}

/// Registers a reset hook and returns its id, or `None` if there are too many.
pub fn add_hook(hook: OwnedZval, priority: i64) -> Option<u64> {
    hooks::add(hook, priority, || shutdown::run_last(run_at_script_end))
}

/// Runs the remaining hooks at the end of a script. PHP itself resets the rest there.
fn run_at_script_end() {
    if state::is_in_request() && hooks::run_remaining() && state::is_loop() {
        reset_request();
    }
}

/// A request of a loop starts: records the state that the reset restores.
pub(super) fn request_started() {
    // The directory costs a system call, so it is read only where it may have changed.
    let has_changed = residue::observed_calls::take_cwd_may_differ();
    BASELINE.with(|baseline| {
        if has_changed || baseline.directory.is_none() {
            baseline.directory = cwd::current();
        }
        baseline.output_level = output::level();
    });
}

/// The loop is about to wait for a request.
pub(super) fn before_wait() {
    residue::capture_baseline();
    if !is_throwing() {
        sentry_scope::before_wait();
    }
    check_leaks();
}

/// `request_begin()` is about to start a request.
pub fn before_manual_request() {
    check_leaks();
}

/// `request_begin()` has started a request.
pub fn manual_request_started() {
    residue::renew_baseline();
    sentry_scope::open();
}

/// `request_end()` has reset the request. Such a loop may have nothing to do for long, unlike a worker.
pub fn manual_request_reset() {
    sentry_scope::close();
}

/// Samples memory and checks for leaks, once after each request.
pub(super) fn check_leaks() {
    if let Some(requests) = memory_trend::sample() {
        leak_check::check_after(requests);
    }
}

/// Resets after the request in progress, which ends afterwards.
pub fn run() {
    if hooks::run_remaining() && state::is_loop() {
        reset_request();
        residue::check(request_id::get_or_empty);
        restore_directory();
        gc::collect();
        // Destructors may throw.
        exception::log_and_clear("garbage not collected to its end");
    }
}

/// Closes output buffers, releases the scope, forgets futures.
fn reset_request() {
    let level = BASELINE.with(|baseline| baseline.output_level);
    // Standard output is RoadRunner's relay.
    output::close_above(level, runtimes::current() == Runtime::RoadRunner);
    exception::log_and_clear("reset failed");
    scope::clear();
    futures::forget_all();
}

/// Returns to the working directory at the start of the request. Last, because all before may run PHP code.
fn restore_directory() {
    if !residue::observed_calls::take_cwd_may_differ() {
        return;
    }
    BASELINE.with(|baseline| {
        if let Some(directory) = &baseline.directory
            && cwd::current().as_ref() != Some(directory)
        {
            cwd::change(directory);
        }
    });
}

/// Forgets the script before. In RINIT, and in GSHUTDOWN.
pub(super) fn clear() {
    BASELINE.replace(Baseline::new());
}
