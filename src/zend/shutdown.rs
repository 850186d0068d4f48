//! Work as the last of a script's shutdown functions: after `exit()`, an uncaught exception or a fatal error, PHP code
//! may run nowhere later. Runs on PHP's threads.

use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::ffi::{zend_execute_data, zval};

use super::{call, closure, ffi, function_table::Handler, interrupt};

static WORK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Runs `work` at the end of the current script. It is the same function at each call. On a PHP thread in a call.
pub fn run_last(work: fn()) {
    WORK.store(work as *mut (), Ordering::Release);
    register(first);
}

/// Runs in its turn, and registers the next one after all shutdown functions that are registered by then.
unsafe extern "C" fn first(_: *mut zend_execute_data, _: *mut zval) {
    register(second);
}

/// Second hop: shutdown functions may register others.
unsafe extern "C" fn second(_: *mut zend_execute_data, _: *mut zval) {
    register(last);
}

unsafe extern "C" fn last(_: *mut zend_execute_data, _: *mut zval) {
    let work = WORK.load(Ordering::Acquire);
    if !work.is_null() {
        // SAFETY: only `run_last` stores here, and only a `fn()`.
        unsafe { std::mem::transmute::<*mut (), fn()>(work)() };
    }
}

fn register(handler: Handler) {
    let Some(closure) = closure::of(handler) else {
        return;
    };
    if let Ok(nothing) = call::function("register_shutdown_function", &[closure]) {
        nothing.release();
    }
    closure.release();
    // `register_shutdown_function` is in `disable_functions`: the work does not run then.
    if interrupt::is_throwing() {
        // SAFETY: drops the exception of the call above.
        unsafe { ffi::zend_clear_exception() };
    }
}
