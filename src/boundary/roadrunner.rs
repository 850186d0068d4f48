//! RoadRunner's workers: command-line scripts that ask `Spiral\RoadRunner\Worker::waitPayload` for one
//! request after the other. Zend's observer tells when that method begins and returns. An observer costs
//! every call of a PHP function some nanoseconds, so there is one only where RoadRunner has set `RR_MODE`.
//!
//! The request before ends when the next one is asked for: what an application does after `respond()`
//! belongs to it. Nothing of RoadRunner's PHP packages is relied on but the names of two methods, that
//! they give null for "stop", and the property `headers` of what `HttpWorker::waitRequest` gives.

use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::ffi::{zend_execute_data, zval};
use pillion_engine::{
    host::severed,
    worker::{
        Event,
        boundary::{By, State},
    },
};

use super::{identity, reset, tell};
use crate::{
    process, serve,
    thread::Thread,
    zend::{functions, observer, sapi, signals, value},
};

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Registers the observer, where this is a RoadRunner worker. In MINIT.
pub fn install() {
    let is_worker = process::sapi() == "cli" && sapi::has_environment(c"RR_MODE");
    INSTALLED.store(is_worker, Ordering::Release);
    if is_worker {
        observer::register(observed);
    }
}

/// Whether this process is a RoadRunner worker.
#[must_use]
pub fn is_installed() -> bool {
    INSTALLED.load(Ordering::Acquire)
}

/// Asked once for each function that is called. The bodies of interfaces' other implementations, as
/// tests and decorators have them, count too where they carry the names.
unsafe extern "C" fn observed(execute_data: *mut zend_execute_data) -> observer::Handlers {
    // SAFETY: the frame that the engine is about to run.
    let Some((class, method)) = (unsafe { functions::method_of(execute_data) }) else {
        return observer::NONE;
    };
    let is = |name: &[u8], wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    if is(class, "Spiral\\RoadRunner\\Worker") && is(method, "waitPayload") {
        return observer::Handlers {
            begin: Some(waits),
            end: Some(received),
        };
    }
    // RoadRunner's own, and that of Pillion's Composer package.
    let is_worker = is(class, "Spiral\\RoadRunner\\Http\\HttpWorker")
        || is(class, "Pillion\\Bridge\\RoadRunner\\HttpWorker");
    if is_worker && is(method, "waitRequest") {
        return observer::Handlers {
            begin: Some(waits),
            end: Some(received_request),
        };
    }
    observer::NONE
}

unsafe extern "C" fn waits(_: *mut zend_execute_data) {
    answered();
}

/// The request under way, where there is one, is over.
pub fn answered() {
    let is_over =
        Thread::with(|thread| thread.worker.boundary.state() == State::Open(By::Received));
    if is_over {
        reset::run();
    }
    reset::waits();
    let _ = tell(Event::Waits);
}

/// Whether what was received last is a request of this worker's, and not one to be given back.
#[must_use]
pub fn is_taken() -> bool {
    Thread::with(|thread| thread.worker.boundary.state() == State::Open(By::Received))
}

/// `ret` is null where the method has thrown, or PHP jumps out of it.
unsafe extern "C" fn received(_: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: null, or the live return value.
    let is_request = unsafe { ret.as_ref() }.is_some_and(|value| !value::is_null(value));
    // A loop that is to end takes none any more.
    let _ = tell(Event::Received(is_request && !signals::is_told()));
    if is_request && !serve::is_wire_moved() && has_pipes() {
        // From now on this process is the one that answers; before that, a child may be meant to.
        severed::note(libc::STDIN_FILENO);
        severed::note(libc::STDOUT_FILENO);
    }
}

/// Whether standard input and output are RoadRunner's wire.
#[must_use]
pub fn has_pipes() -> bool {
    process::environment_variable("RR_RELAY")
        .is_none_or(|relay| relay.is_empty() || relay == "pipes")
}

unsafe extern "C" fn received_request(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as the engine has called us; null, or the live return value.
    unsafe {
        received(frame, ret);
        if let Some(request) = ret.as_ref().and_then(value::object) {
            identity::take_from_headers(request);
        }
    }
}
