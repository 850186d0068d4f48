//! `Pillion\Worker\loop`: one line for a worker script in every runtime. Here is what they share, and one
//! file for each runtime that has a loop:
//!
//! * [`frankenphp`] calls `frankenphp_handle_request` again and again.
//! * [`roadrunner`] asks RoadRunner for requests; [`stdio`] keeps its wire clean meanwhile.
//!
//! Anything else serves one request a script. Where requests begin and end is noticed by [`super`],
//! as in a loop that the application has written itself. On PHP's thread; the handler is PHP code, which may
//! throw or never come back, so nothing with a destructor is held across it.

mod frankenphp;
mod roadrunner;
mod stdio;

pub use stdio::is_moved as is_wire_moved;

use pillion_engine::{
    Error,
    worker::{
        LoopLimits,
        loop_limits::LoopLimit,
        request_state::{OpenedBy, RequestState},
    },
};

use crate::{
    engine,
    thread_state::Thread,
    worker,
    zend::{arguments::Thrown, call, memory, owned::OwnedZval},
};

/// Serves requests with `handler` until the runtime says stop, or a limit is reached; gives their number.
/// `most`: 0 is without end.
///
/// # Errors
/// What the handler throws where the runtime lets that through; a mistake of the application's.
pub fn serve(handler: &OwnedZval, most: u64) -> Result<u64, Thrown> {
    let is_inner = Thread::with(|thread| std::mem::replace(&mut thread.worker.is_looping, true));
    if is_inner {
        return Err(refuse(
            "loop() was called by its own handler: call it once, as the last thing a script does",
        ));
    }
    let served = enter(handler, most);
    Thread::with(|thread| thread.worker.is_looping = false);
    served
}

fn enter(handler: &OwnedZval, most: u64) -> Result<u64, Thrown> {
    match Thread::with(|thread| thread.worker.state()) {
        RequestState::Open(OpenedBy::Manual) => {
            return Err(refuse(
                "loop() was called in a request that request_begin() has begun: the loop begins and ends its requests itself",
            ));
        }
        RequestState::Likely(OpenedBy::Handler) | RequestState::Open(OpenedBy::Handler) => {
            return Err(refuse(
                "loop() was called in a request that frankenphp_handle_request() has begun: call it in the place of the loop around that function, and not in its handler",
            ));
        }
        RequestState::Open(OpenedBy::Received) => {
            return Err(refuse(
                "loop() was called in a request that RoadRunner's waitPayload() has given: call it in the place of the loop around that method, and not in its handler",
            ));
        }
        RequestState::Outside
        | RequestState::Between
        | RequestState::Likely(_)
        | RequestState::Open(OpenedBy::Script) => {}
    }
    let limits = LoopLimits {
        requests: most,
        memory: engine::current().resolved().settings.worker.max_memory,
    };
    if worker::is_loop_of_frankenphp() {
        frankenphp::serve(handler, limits)
    } else if worker::runtimes::roadrunner::is_installed() {
        roadrunner::serve(handler, limits)
    } else {
        call::call(handler, &[])?.release();
        Ok(1)
    }
}

/// Whether a loop that has served so many requests has to end; says so in the log.
fn is_over(limits: LoopLimits, served: u64) -> bool {
    let held = memory::usage();
    let Some(limit) = limits.reached(served, held) else {
        return false;
    };
    match limit {
        LoopLimit::Memory => {
            log::info!(reason = "memory", requests = served, memory = held, max_memory = limits.memory; "worker loop ends");
        }
        LoopLimit::Requests => {
            log::debug!(reason = "requests", requests = served; "worker loop ends")
        }
    }
    true
}

fn refuse(why: &str) -> Thrown {
    Error::State(why.into()).into()
}
