//! RoadRunner's workers: command-line scripts that call `Spiral\RoadRunner\Worker::waitPayload` in a loop. That method
//! reads RoadRunner's frames with one of the functions that [`super::relay_readers`] overrides; the bytes
//! that it has read say whether a request has arrived. No call of a PHP function pays for that, and of the reads only
//! those in a RoadRunner worker pay for a walk of the frames above. A request ends when the next one is waited for,
//! because code after `respond()` belongs to it. Of RoadRunner's PHP packages only the names of two methods are relied
//! on. On PHP's thread.

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_execute_data};
use pillion_engine::{
    host::fork_descriptors,
    worker::{Effects, Event, goridge_frames::FrameEvent},
};

use super::relay;
use crate::{
    startup,
    worker::{publish, request_loop::stdio, reset, state, transition::advance},
    zend::{frame::argument, signals, stream},
};

/// A method that waits for a request.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// Its frame.
    pub frame: *mut zend_execute_data,
    /// It returns HTTP requests. Those of another plugin, such as jobs, may have headers of their own.
    pub is_http: bool,
}

/// The request in progress, if there is one, has been answered.
pub fn answered() {
    answered_below(std::ptr::null_mut());
}

fn answered_below(method: *mut zend_execute_data) {
    if state::is_in_received_request() {
        reset::run();
    }
    reset::before_wait();
    report_below(method, Event::Waits);
}

/// Whether the relay is standard input and output.
#[must_use]
pub fn has_pipes() -> bool {
    startup::environment_variable("RR_RELAY")
        .is_none_or(|relay| relay.is_empty() || relay == "pipes")
}

/// A method that waits for a request is about to read.
pub fn before_read(wait: Wait) {
    if relay::begin_wait() {
        answered_below(wait.frame);
    }
}

/// A method that waits for a request has read `bytes`.
///
/// # Safety
/// The frames of the method and of the reader are live.
pub unsafe fn after_read(wait: Wait, reader: *mut zend_execute_data, bytes: &[u8]) {
    match relay::parse(bytes) {
        FrameEvent::None => {}
        FrameEvent::Request => {
            relay::request_arrived(wait.is_http);
            // A loop that is about to end takes no further request.
            report_below(wait.frame, Event::Received(!signals::is_stop_requested()));
            // From now on this process is the one that answers; before that, a child may be meant to.
            // SAFETY: by the contract.
            unsafe { close_in_children(reader) };
        }
        FrameEvent::OutOfSync => log::warn!(
            reason = "the worker has read an invalid RoadRunner frame";
            "requests of RoadRunner are no longer detected"
        ),
    }
    relay::publish_request(publish::request_known);
}

/// Registers the relay's descriptors as ones that forked children close.
///
/// # Safety
/// A live frame of a reader.
unsafe fn close_in_children(reader: *mut zend_execute_data) {
    if !relay::register_descriptors() {
        return;
    }
    // SAFETY: by the contract.
    let stream = unsafe { argument(reader, 0) };
    if let Some(descriptor) = stream.and_then(stream::descriptor) {
        fork_descriptors::register(descriptor);
    }
    if !stdio::is_moved() && has_pipes() {
        fork_descriptors::register(libc::STDOUT_FILENO);
    }
}

/// Reports an event as if `method` had not been called yet, because values of its frame and of those below it belong
/// to the relay, and not to the loop. No PHP code runs meanwhile.
fn report_below(method: *mut zend_execute_data, event: Event) {
    // SAFETY: this thread's own globals; the frame that has called the method, or our loop, is alive.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let current = (*globals).current_execute_data;
        if let Some(method) = method.as_ref()
            && !method.prev_execute_data.is_null()
        {
            (*globals).current_execute_data = method.prev_execute_data;
        }
        let _: Result<Effects, _> = advance(event);
        (*globals).current_execute_data = current;
    }
}
