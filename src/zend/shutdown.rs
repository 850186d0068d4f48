//! Work as the last of a script's shutdown functions: after `exit()`, an uncaught exception or a fatal error, PHP code
//! may run nowhere later. Runs on PHP's threads.

use std::sync::OnceLock;

use ext_php_rs::ffi::{zend_execute_data, zval};

use super::{call, closure, function_table::Handler, interrupt};

static WORK: OnceLock<fn()> = OnceLock::new();

/// Runs `work` at the end of the current script. It is the same function at each call. On a PHP thread in a call.
pub fn run_last(work: fn()) {
    WORK.get_or_init(|| work);
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
    if let Some(work) = WORK.get() {
        work();
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
    interrupt::clear_exception();
}
