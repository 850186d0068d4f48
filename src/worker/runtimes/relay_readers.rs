//! Overrides of the internal functions with which RoadRunner's PHP packages, and Pillion's Composer package, read
//! frames. A read below `waitPayload` or `waitRequest` is reported to [`roadrunner`], before and after; all others go
//! straight to PHP's own handler. PHP may jump over the frames here: they hold nothing with a destructor while PHP's
//! handler runs. On PHP's thread.

use ext_php_rs::ffi::{zend_execute_data, zend_function, zval};

use super::roadrunner::{self, Wait};
use crate::zend::{frame::argument, function_table, hook::FunctionHook, value};

/// Returns the bytes that a reader has read.
type Bytes = for<'a> unsafe fn(*mut zend_execute_data, &'a zval) -> Option<&'a [u8]>;

/// Frames above a read that are searched for the method that waits.
const MAX_FRAMES: usize = 16;
/// `ZEND_CALL_TOP`: native code has called the function, as it does with hooks, signal handlers and destructors.
const CALLED_BY_NATIVE: u32 = 1 << 17;

static FREAD: FunctionHook = FunctionHook::new(c"fread", fread);
static STREAM_GET_CONTENTS: FunctionHook =
    FunctionHook::new(c"stream_get_contents", stream_get_contents);
static SOCKET_RECV: FunctionHook = FunctionHook::new(c"socket_recv", socket_recv);
static SOCKET_READ: FunctionHook = FunctionHook::new(c"socket_read", socket_read);

/// Overrides the functions with which goridge's relays, and Pillion's Composer package, read. In MINIT. They stay
/// overridden at MSHUTDOWN: no PHP code runs any more when the module is gone.
pub fn install() {
    for hook in [&FREAD, &STREAM_GET_CONTENTS, &SOCKET_RECV, &SOCKET_READ] {
        hook.install();
    }
}

unsafe extern "C" fn fread(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: the engine has called this handler; so below.
    unsafe { read(&FREAD, frame, ret, returned) };
}

unsafe extern "C" fn stream_get_contents(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(&STREAM_GET_CONTENTS, frame, ret, returned) };
}

unsafe extern "C" fn socket_recv(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(&SOCKET_RECV, frame, ret, second_argument) };
}

unsafe extern "C" fn socket_read(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    unsafe { read(&SOCKET_READ, frame, ret, returned) };
}

unsafe fn returned(_: *mut zend_execute_data, ret: &zval) -> Option<&[u8]> {
    value::bytes(ret)
}

/// The argument is a reference, into which the function writes.
unsafe fn second_argument(frame: *mut zend_execute_data, _: &zval) -> Option<&[u8]> {
    // SAFETY: a live frame of an internal function; the argument lives until the engine takes the frame away.
    let written = unsafe { argument(frame, 1) }?;
    value::bytes(value::deref(written))
}

/// Handler of all readers. PHP may jump over this frame: nothing here has a destructor.
unsafe fn read(hook: &FunctionHook, frame: *mut zend_execute_data, ret: *mut zval, bytes: Bytes) {
    // SAFETY: the engine has called the handler; the returned value is alive until the caller has it.
    unsafe {
        let Some(wait) = waiting((*frame).prev_execute_data) else {
            return hook.call_original(frame, ret);
        };
        roadrunner::before_read(wait);
        hook.call_original(frame, ret);
        if let Some(bytes) = bytes(frame, &*ret) {
            roadrunner::after_read(wait, frame, bytes);
        }
    }
}

/// The outermost method that waits for a request among the callers of a frame. Reads of a hook, a signal handler or a
/// destructor that runs meanwhile are not the method's.
///
/// # Safety
/// Null, or a live frame.
unsafe fn waiting(mut frame: *mut zend_execute_data) -> Option<Wait> {
    let mut found = None;
    // SAFETY: live frames, each with its function or none.
    unsafe {
        for _ in 0..MAX_FRAMES {
            let Some(function) = frame.as_ref().and_then(|frame| frame.func.as_ref()) else {
                break;
            };
            if !function_table::is_user(function) {
                break;
            }
            if let Some(is_http) = is_wait(function) {
                found = Some(Wait { frame, is_http });
                if is_http {
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

/// Whether a function is a method that waits for requests, and whether they are HTTP requests: the methods of
/// RoadRunner's package, in any class of that name, such as those of tests and decorators, and that of Pillion's
/// Composer package.
///
/// # Safety
/// A live function.
unsafe fn is_wait(function: &zend_function) -> Option<bool> {
    // SAFETY: names live as long as the function.
    let (class, method) = unsafe { function_table::method_names(function) }?;
    let is = |name: &[u8], wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    if is(method, "waitPayload") {
        return is(class, "Spiral\\RoadRunner\\Worker").then_some(false);
    }
    let is_http = is(method, "waitRequest")
        && (is(class, "Spiral\\RoadRunner\\Http\\HttpWorker")
            || is(class, "Pillion\\Bridge\\RoadRunner\\HttpWorker"));
    is_http.then_some(true)
}
