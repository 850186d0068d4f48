//! FrankenPHP's worker mode. Its loop calls `frankenphp_handle_request`, whose handler is replaced at
//! module start: inside of it FrankenPHP calls `sapi_module.activate` when a request has come (or the word
//! to stop), and it comes back when the client has its answer. Where the handler never comes back, after
//! `exit()` or a fatal error, the end of the script is the end of the request: PHP jumps over our frame,
//! which holds nothing.

use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::ffi::{IS_TRUE, zend_execute_data, zend_internal_function, zval};
use pillion_engine::worker::Event;

use crate::worker::{reset_hooks, tell};
use crate::{
    engine,
    thread_state::Thread,
    zend::{function_table, interrupt, sapi, value},
};

type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);

/// The function whose handler is replaced, from MINIT to MSHUTDOWN.
static FUNCTION: AtomicPtr<zend_internal_function> = AtomicPtr::new(std::ptr::null_mut());
/// FrankenPHP's own handler.
static ORIGINAL: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Replaces the handler, where this is FrankenPHP. In MINIT, and anew in each: the function is new too.
pub fn install() {
    if engine::sapi() != "frankenphp" {
        return;
    }
    let Some(function) = function_table::find_internal(c"frankenphp_handle_request") else {
        log::warn!(
            "this FrankenPHP has no frankenphp_handle_request: requests of workers are not noticed"
        );
        return;
    };
    // SAFETY: MINIT: no other PHP thread runs, and the function lives until its module's MSHUTDOWN.
    unsafe {
        let Some(original) = (*function).handler else {
            return;
        };
        ORIGINAL.store(original as *mut (), Ordering::Release);
        (*function).handler = Some(handle_request);
    }
    FUNCTION.store(function, Ordering::Release);
    sapi::set_activate_hook(activated);
}

/// Gives the function its own handler back. In MSHUTDOWN: modules end in the reverse order, so
/// FrankenPHP's is still there.
pub fn uninstall() {
    let function = FUNCTION.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if function.is_null() {
        return;
    }
    sapi::remove_activate_hook();
    // SAFETY: MSHUTDOWN: no PHP code runs on any thread.
    unsafe { (*function).handler = original() };
}

fn original() -> Option<Handler> {
    let original = ORIGINAL.load(Ordering::Acquire);
    // SAFETY: only `install` stores here, and only a handler.
    (!original.is_null()).then(|| unsafe { std::mem::transmute::<*mut (), Handler>(original) })
}

/// In the place of `frankenphp_handle_request`. PHP may jump over this frame: nothing here has a
/// destructor.
unsafe extern "C" fn handle_request(execute_data: *mut zend_execute_data, ret: *mut zval) {
    let Some(original) = original() else {
        return;
    };
    reset_hooks::waits();
    Thread::with(|thread| thread.worker.is_handling = true);
    // SAFETY: as the engine would have called it.
    let handled = unsafe {
        original(execute_data, ret);
        value::type_of(&*ret) == IS_TRUE
    };
    Thread::with(|thread| thread.worker.is_handling = false);
    // A callback of an output buffer may have thrown when the answer was ended.
    let exception = interrupt::take_exception();
    if interrupt::is_throwing() {
        // `exit()` in such a callback: the script ends, and the request with it.
        return;
    }
    if handled {
        Thread::with(|thread| thread.worker.is_worker = Some(true));
        reset_hooks::run();
    }
    let _ = tell(Event::Handled(handled));
    interrupt::rethrow(exception);
}

/// `sapi_module.activate`: only within a call of the handler it is about a worker's request.
fn activated() {
    if Thread::with(|thread| thread.worker.is_handling) {
        let _ = tell(Event::Activated);
    }
}
