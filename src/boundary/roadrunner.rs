//! RoadRunner's workers: command-line scripts that ask `Spiral\RoadRunner\Worker::waitPayload` for one
//! request after the other. That method reads RoadRunner's frames with an internal function of PHP's, whose
//! handler is replaced at module start: a read that the method has called for is of interest, and its bytes say
//! whether a request has come. No call of a PHP function pays for that, and of the reads only those in a worker of
//! RoadRunner's (`RR_MODE` is set) pay for a look at the frames above.
//!
//! The request before ends when the next one is asked for: what an application does after `respond()`
//! belongs to it. Nothing of RoadRunner's PHP packages is relied on but the names of two methods, and that what
//! they call reads with one of [`READERS`].

use std::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use ext_php_rs::ffi::{
    ZEND_USER_FUNCTION, ext_php_rs_executor_globals, zend_execute_data, zend_function, zval,
};
use pillion_engine::{
    host::severed,
    worker::{
        Event, Step,
        boundary::{By, State},
        frames::{Frames, Seen},
    },
};

use super::{reset, tell};
use crate::{
    process, serve,
    thread::Thread,
    zend::{functions, sapi, signals, stream, value},
};

type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);
/// What a reader has read.
type Bytes = for<'a> unsafe fn(*mut zend_execute_data, &'a zval) -> Option<&'a [u8]>;

/// A call that reads: of how many functions above it the method may be.
const MOST_FRAMES: usize = 16;
/// `ZEND_CALL_TOP`: native code has called the function, as it does with hooks, signal handlers and destructors.
const CALLED_BY_NATIVE: u32 = 1 << 17;

/// The functions that goridge's relays, and the wire of Pillion's Composer package, read with.
const READERS: [(&CStr, Handler); 4] = [
    (c"fread", fread),
    (c"stream_get_contents", stream_get_contents),
    (c"socket_recv", socket_recv),
    (c"socket_read", socket_read),
];

static INSTALLED: AtomicBool = AtomicBool::new(false);
static ORIGINALS: [AtomicPtr<()>; READERS.len()] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; READERS.len()];

/// Replaces the handlers, where this is a RoadRunner worker. In MINIT.
pub fn install() {
    let is_worker = process::sapi() == "cli" && sapi::has_environment(c"RR_MODE");
    INSTALLED.store(is_worker, Ordering::Release);
    if !is_worker {
        return;
    }
    for ((name, handler), original) in READERS.into_iter().zip(&ORIGINALS) {
        let Some(function) = functions::internal(name) else {
            continue;
        };
        // SAFETY: MINIT: no other PHP thread runs. PHP code does not run any more when the module has gone.
        unsafe {
            let Some(found) = (*function).handler else {
                continue;
            };
            if found as usize != handler as *const () as usize {
                original.store(found as *mut (), Ordering::Release);
                (*function).handler = Some(handler);
            }
        }
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
        (local.frames, local.has_asked, local.is_wire_kept) = (Frames::default(), false, false);
    });
}

/// The request under way, where there is one, is over.
pub fn answered() {
    answered_at(std::ptr::null_mut());
}

fn answered_at(method: *mut zend_execute_data) {
    let is_over =
        Thread::with(|thread| thread.worker.boundary.state() == State::Open(By::Received));
    if is_over {
        reset::run();
    }
    reset::waits();
    tell_at(method, Event::Waits);
}

/// Whether what was received last is a request of this worker's, and not one to be given back.
#[must_use]
pub fn is_taken() -> bool {
    Thread::with(|thread| thread.worker.boundary.state() == State::Open(By::Received))
}

/// The id in the headers of the request under way, where that is one of RoadRunner's over HTTP.
#[must_use]
pub fn id() -> Option<String> {
    Thread::with(|thread| {
        let local = &thread.worker;
        let is_known = local.has_headers && local.state() == State::Open(By::Received);
        is_known.then(|| local.frames.id()).flatten()
    })
}

/// Whether standard input and output are RoadRunner's wire.
#[must_use]
pub fn has_pipes() -> bool {
    process::environment_variable("RR_RELAY")
        .is_none_or(|relay| relay.is_empty() || relay == "pipes")
}

unsafe extern "C" fn fread(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as the engine has called us; so below.
    unsafe { read(0, frame, ret, returned) };
}

unsafe extern "C" fn stream_get_contents(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(1, frame, ret, returned) };
}

unsafe extern "C" fn socket_recv(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(2, frame, ret, second_argument) };
}

unsafe extern "C" fn socket_read(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(3, frame, ret, returned) };
}

unsafe fn returned(_: *mut zend_execute_data, ret: &zval) -> Option<&[u8]> {
    value::bytes(ret)
}

/// It is a reference, into which the function writes.
unsafe fn second_argument(frame: *mut zend_execute_data, _: &zval) -> Option<&[u8]> {
    // SAFETY: a live frame of an internal function; the argument lives until the engine takes the frame away.
    let argument = unsafe { functions::argument(frame, 1) }?;
    value::bytes(value::deref(argument))
}

/// In the place of a reader. PHP may jump over this frame: nothing here has a destructor.
unsafe fn read(index: usize, frame: *mut zend_execute_data, ret: *mut zval, bytes: Bytes) {
    // SAFETY: as the engine has called us; what is returned is alive until the caller has it.
    unsafe {
        let method = waiting((*frame).prev_execute_data);
        if method.is_null() {
            return go_on(index, frame, ret);
        }
        if Thread::with(|thread| thread.worker.frames.is_between() && !thread.worker.has_asked) {
            Thread::with(|thread| thread.worker.has_asked = true);
            answered_at(method);
        }
        go_on(index, frame, ret);
        if let Some(bytes) = bytes(frame, &*ret) {
            has_read(method, frame, bytes);
        }
    }
}

/// Goes on to PHP's own handler.
///
/// # Safety
/// As the engine has called us.
unsafe fn go_on(index: usize, frame: *mut zend_execute_data, ret: *mut zval) {
    let original = ORIGINALS
        .get(index)
        .map_or(std::ptr::null_mut(), |place| place.load(Ordering::Acquire));
    if !original.is_null() {
        // SAFETY: only `install` stores there, and only a handler.
        unsafe { std::mem::transmute::<*mut (), Handler>(original)(frame, ret) };
    }
}

/// The frame of the outermost method that waits for a request, where such a one has called for what the frame runs;
/// else null. A hook, a signal handler or a destructor that runs meanwhile has reads of its own.
///
/// # Safety
/// Null, or a live frame.
unsafe fn waiting(mut frame: *mut zend_execute_data) -> *mut zend_execute_data {
    let mut found = std::ptr::null_mut();
    // SAFETY: live frames, each with its function or none.
    unsafe {
        for _ in 0..MOST_FRAMES {
            let Some(function) = frame.as_ref().and_then(|frame| frame.func.as_ref()) else {
                break;
            };
            if u32::from(function.type_) != ZEND_USER_FUNCTION {
                break;
            }
            if is_wait(function) {
                found = frame;
                if is_http(frame) {
                    break;
                }
            }
            if (*frame).This.u1.type_info & CALLED_BY_NATIVE != 0 {
                break;
            }
            frame = (*frame).prev_execute_data;
        }
    }
    found
}

/// Whether it is one of the methods. Those of RoadRunner's package, in whatever class of that name, as tests and
/// decorators have them, and that of Pillion's Composer package.
///
/// # Safety
/// A live function.
unsafe fn is_wait(function: &zend_function) -> bool {
    // SAFETY: names live as long as the function.
    let Some((class, method)) = (unsafe { functions::names_of(function) }) else {
        return false;
    };
    let is = |name: &[u8], wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    if is(method, "waitPayload") {
        return is(class, "Spiral\\RoadRunner\\Worker");
    }
    is(method, "waitRequest")
        && (is(class, "Spiral\\RoadRunner\\Http\\HttpWorker")
            || is(class, "Pillion\\Bridge\\RoadRunner\\HttpWorker"))
}

/// # Safety
/// Live frames: of the method, and of the reader.
unsafe fn has_read(method: *mut zend_execute_data, frame: *mut zend_execute_data, bytes: &[u8]) {
    let seen = Thread::with(|thread| thread.worker.frames.take(bytes));
    match seen {
        Seen::Nothing => {}
        Seen::Request => {
            // SAFETY: by the contract. What another plugin sends, jobs for one, may have headers of its own.
            let is_http = unsafe { is_http(method) };
            Thread::with(|thread| {
                (thread.worker.has_asked, thread.worker.has_headers) = (false, is_http);
            });
            // A loop that is to end takes none any more.
            tell_at(method, Event::Received(!signals::is_told()));
            // From now on this process is the one that answers; before that, a child may be meant to.
            // SAFETY: by the contract.
            unsafe { keep_from_children(frame) };
        }
        Seen::Lost => log::warn!(
            reason = "what the worker has read is no frame of RoadRunner's";
            "requests are not noticed any more"
        ),
    }
}

/// Whether the method gives HTTP requests.
///
/// # Safety
/// A live frame of a method.
unsafe fn is_http(method: *mut zend_execute_data) -> bool {
    // SAFETY: by the contract.
    let names = unsafe {
        (*method)
            .func
            .as_ref()
            .and_then(|function| functions::names_of(function))
    };
    names.is_some_and(|(_, name)| name.eq_ignore_ascii_case(b"waitRequest"))
}

/// # Safety
/// A live frame of a reader.
unsafe fn keep_from_children(frame: *mut zend_execute_data) {
    if Thread::with(|thread| std::mem::replace(&mut thread.worker.is_wire_kept, true)) {
        return;
    }
    // SAFETY: by the contract.
    let wire = unsafe { functions::argument(frame, 0) };
    if let Some(descriptor) = wire.and_then(stream::descriptor) {
        severed::note(descriptor);
    }
    if !serve::is_wire_moved() && has_pipes() {
        severed::note(libc::STDOUT_FILENO);
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
        let _: Result<Step, _> = tell(event);
        (*globals).current_execute_data = current;
    }
}
