//! `Pillion\Worker\loop`: the request loop of a worker script, in every runtime. [`frankenphp`] calls
//! `frankenphp_handle_request` again and again; [`roadrunner`] asks RoadRunner for requests, and [`stdio`] protects its
//! relay meanwhile; any other runtime serves one request a script. The starts and ends of its requests are detected by
//! [`super::runtimes`], as in a loop that the application has written itself. On PHP's thread; the handler is PHP code,
//! which may throw or never return, so nothing with a destructor is held across its call.

mod frankenphp;
mod limits;
mod psr7;
mod roadrunner;
pub(super) mod stdio;

use pillion_engine::worker::{
    LoopLimits,
    request_state::{OpenedBy, RequestState},
};

use super::{
    mode,
    runtimes::{self, Runtime},
    state,
};
use crate::{
    engine,
    thread_state::thread_state,
    zend::{arguments::Thrown, call, owned::OwnedZval},
};

thread_state! {
    /// Within a call of `loop()`.
    static IS_RUNNING: bool = false;
}

/// Serves requests with `handler` until the runtime stops the loop, or a limit is reached; returns their number. If
/// `max_requests` is 0 there is no limit.
///
/// # Errors
/// The handler has thrown, and the runtime does not catch it; `loop()` must not be called here.
pub fn serve(handler: &OwnedZval, max_requests: u64) -> Result<u64, Thrown> {
    if IS_RUNNING.replace(true) {
        return Err(Thrown::state(
            "loop() was called by its own handler: call it once, as the last thing a script does",
        ));
    }
    let served = run(handler, max_requests);
    IS_RUNNING.set(false);
    served
}

fn run(handler: &OwnedZval, max_requests: u64) -> Result<u64, Thrown> {
    match state::current() {
        RequestState::Open(OpenedBy::Manual) => {
            return Err(Thrown::state(
                "loop() was called in a request that request_begin() has begun: the loop begins and ends its requests itself",
            ));
        }
        RequestState::Likely(OpenedBy::Handler) | RequestState::Open(OpenedBy::Handler) => {
            return Err(Thrown::state(
                "loop() was called in a request that frankenphp_handle_request() has begun: call it in the place of the loop around that function, and not in its handler",
            ));
        }
        RequestState::Open(OpenedBy::Received) => {
            return Err(Thrown::state(
                "loop() was called in a request that RoadRunner's waitPayload() has given: call it in the place of the loop around that method, and not in its handler",
            ));
        }
        RequestState::Outside
        | RequestState::Between
        | RequestState::Likely(_)
        | RequestState::Open(OpenedBy::Script) => {}
    }
    let limits = LoopLimits {
        requests: max_requests,
        memory: engine::current().resolved().settings.worker.max_memory,
    };
    if mode::is_frankenphp_worker() {
        frankenphp::serve(handler, limits)
    } else if runtimes::current() == Runtime::RoadRunner {
        roadrunner::serve(handler, limits)
    } else {
        call::call(handler, &[])?.release();
        Ok(1)
    }
}

/// A script starts. In RINIT.
pub(super) fn script_startup() {
    IS_RUNNING.set(false);
}
