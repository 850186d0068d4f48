//! RoadRunner's workers: command-line scripts that ask `Spiral\RoadRunner\Worker::waitPayload` for one
//! request after the other. That method reads RoadRunner's frames with an internal function of PHP's, whose
//! handler is replaced ([`super::relay_readers`]): a read that the method has called for is of interest, and its bytes say
//! whether a request has come. No call of a PHP function pays for that, and of the reads only those in a worker of
//! RoadRunner's (`RR_MODE` is set) pay for a look at the frames above.
//!
//! The request before ends when the next one is asked for: what an application does after `respond()`
//! belongs to it. Nothing of RoadRunner's PHP packages is relied on but the names of two methods, and that what
//! they call reads with one of the functions of [`super::relay_readers`].

use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_execute_data};
use pillion_engine::{
    host::fork_descriptors,
    worker::{
        Effects, Event,
        goridge_frames::{FrameEvent, FrameParser},
        request_state::{OpenedBy, RequestState},
    },
};

use super::relay_readers::{self, Wait};
use crate::worker::{reset_hooks, tell};
use crate::{
    engine,
    thread_state::Thread,
    worker::request_loop,
    zend::{frame::argument, sapi, signals, stream},
};

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Replaces the handlers, where this is a RoadRunner worker. In MINIT.
pub fn install() {
    let is_worker = engine::sapi() == "cli" && sapi::has_environment(c"RR_MODE");
    INSTALLED.store(is_worker, Ordering::Release);
    if is_worker {
        relay_readers::install();
    }
}

/// Whether this process is a RoadRunner worker.
#[must_use]
pub fn is_installed() -> bool {
    INSTALLED.load(Ordering::Acquire)
}

/// A loop begins, whose wire begins with a frame.
pub fn begins() {
    Thread::with(|thread| {
        let local = &mut thread.worker;
        (local.frames, local.has_asked, local.is_wire_kept) =
            (FrameParser::default(), false, false);
    });
}

/// The request under way, where there is one, is over.
pub fn answered() {
    answered_at(std::ptr::null_mut());
}

fn answered_at(method: *mut zend_execute_data) {
    let is_over = Thread::with(|thread| {
        thread.worker.boundary.state() == RequestState::Open(OpenedBy::Received)
    });
    if is_over {
        reset_hooks::run();
    }
    reset_hooks::waits();
    tell_at(method, Event::Waits);
}

/// Whether what was received last is a request of this worker's, and not one to be given back.
#[must_use]
pub fn is_taken() -> bool {
    Thread::with(|thread| thread.worker.boundary.state() == RequestState::Open(OpenedBy::Received))
}

/// The id in the headers of the request under way, where that is one of RoadRunner's over HTTP.
#[must_use]
pub fn id() -> Option<String> {
    Thread::with(|thread| {
        let local = &thread.worker;
        let is_known = local.has_headers && local.state() == RequestState::Open(OpenedBy::Received);
        is_known.then(|| local.frames.request_id()).flatten()
    })
}

/// Whether standard input and output are RoadRunner's wire.
#[must_use]
pub fn has_pipes() -> bool {
    engine::environment_variable("RR_RELAY")
        .is_none_or(|relay| relay.is_empty() || relay == "pipes")
}

/// A method that waits for a request is about to read.
pub fn reads(wait: Wait) {
    let asks = Thread::with(|thread| {
        let local = &mut thread.worker;
        local.frames.is_at_frame_start() && !std::mem::replace(&mut local.has_asked, true)
    });
    if asks {
        answered_at(wait.frame);
    }
}

/// It has read so much.
///
/// # Safety
/// Live frames: of the method, and of the reader.
pub unsafe fn has_read(wait: Wait, frame: *mut zend_execute_data, bytes: &[u8]) {
    let seen = Thread::with(|thread| thread.worker.frames.feed(bytes));
    match seen {
        FrameEvent::None => {}
        FrameEvent::Request => {
            Thread::with(|thread| {
                (thread.worker.has_asked, thread.worker.has_headers) = (false, wait.is_http);
            });
            // A loop that is to end takes none any more.
            tell_at(wait.frame, Event::Received(!signals::is_stop_requested()));
            // From now on this process is the one that answers; before that, a child may be meant to.
            // SAFETY: by the contract.
            unsafe { keep_from_children(frame) };
        }
        FrameEvent::OutOfSync => log::warn!(
            reason = "what the worker has read is no frame of RoadRunner's";
            "requests are not noticed any more"
        ),
    }
}

/// # Safety
/// A live frame of a reader.
unsafe fn keep_from_children(frame: *mut zend_execute_data) {
    if Thread::with(|thread| std::mem::replace(&mut thread.worker.is_wire_kept, true)) {
        return;
    }
    // SAFETY: by the contract.
    let wire = unsafe { argument(frame, 0) };
    if let Some(descriptor) = wire.and_then(stream::descriptor) {
        fork_descriptors::register(descriptor);
    }
    if !request_loop::is_wire_moved() && has_pipes() {
        fork_descriptors::register(libc::STDOUT_FILENO);
    }
}

/// Tells the state machine, as if the method had not been called yet: what it and the functions below it hold is
/// the wire's, and not the loop's. No PHP code runs meanwhile.
fn tell_at(method: *mut zend_execute_data, event: Event) {
    // SAFETY: this thread's own globals; the frame that called the method, or the loop of ours, is alive.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let current = (*globals).current_execute_data;
        if let Some(method) = method.as_ref()
            && !method.prev_execute_data.is_null()
        {
            (*globals).current_execute_data = method.prev_execute_data;
        }
        let _: Result<Effects, _> = tell(event);
        (*globals).current_execute_data = current;
    }
}
