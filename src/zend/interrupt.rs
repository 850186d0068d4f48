//! Serves PHP's interrupts during a wait on PHP's thread: signals with handlers in PHP, the time limit, FrankenPHP's
//! forced end. Serving may run PHP code, throw, or never return, so no value with a destructor may be alive on the
//! frames above.

use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_object};
use pillion_engine::runtime::Interrupt;

use super::ffi;

/// The interrupt flags of the calling thread.
pub struct PhpInterrupt;

impl Interrupt for PhpInterrupt {
    fn pending(&self) -> bool {
        pending().load(Ordering::SeqCst)
    }

    fn serve(&self) -> bool {
        pending().store(false, Ordering::SeqCst);
        // SAFETY: on a PHP thread inside a call; nothing with a destructor is alive above.
        unsafe {
            if timed_out().load(Ordering::SeqCst) {
                ffi::zend_timeout();
            } else if let Some(serve) = ffi::zend_interrupt_function {
                serve((*ext_php_rs_executor_globals()).current_execute_data);
            }
        }
        !is_throwing()
    }
}

/// Whether an exception is pending.
#[must_use]
pub fn is_throwing() -> bool {
    // SAFETY: this thread's own globals.
    unsafe { !(*ext_php_rs_executor_globals()).exception.is_null() }
}

/// Whether `exit()` is pending.
#[must_use]
pub fn is_exiting() -> bool {
    // SAFETY: this thread's own globals; a pending exception is alive.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        !exception.is_null() && ffi::zend_is_unwind_exit(exception)
    }
}

/// Takes the pending exception, so that PHP code may run; null if there is none. `exit()` is no exception to PHP code
/// and stays pending.
#[must_use]
pub fn take_exception() -> *mut zend_object {
    // SAFETY: this thread's own globals; the reference taken here keeps the exception alive.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        if exception.is_null() || ffi::zend_is_unwind_exit(exception) {
            return std::ptr::null_mut();
        }
        (*exception).gc.refcount += 1;
        ffi::zend_clear_exception();
        exception
    }
}

/// Drops the pending exception, if there is one.
pub fn clear_exception() {
    // SAFETY: this thread's own exception.
    unsafe { ffi::zend_clear_exception() };
}

/// Makes an exception pending again that [`take_exception`] has returned.
pub fn rethrow(exception: *mut zend_object) {
    if !exception.is_null() {
        // SAFETY: an object that `take_exception` has returned; the engine takes its reference over.
        unsafe { ffi::zend_throw_exception_internal(exception) };
    }
}

/// Set by signal handlers and by other threads.
fn pending() -> &'static AtomicBool {
    // SAFETY: the thread's own globals live as long as the thread; the engine itself reads and
    // writes the flag as an atomic of this size.
    unsafe { AtomicBool::from_ptr(&raw mut (*ext_php_rs_executor_globals()).vm_interrupt.value) }
}

/// Set when the script's time limit is over.
fn timed_out() -> &'static AtomicBool {
    // SAFETY: as above.
    unsafe { AtomicBool::from_ptr(&raw mut (*ext_php_rs_executor_globals()).timed_out.value) }
}
