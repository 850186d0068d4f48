//! FrankenPHP's worker mode. Its loop calls `frankenphp_handle_request`, whose handler is replaced at
//! module start: inside of it FrankenPHP calls `sapi_module.activate` when a request has come (or the word
//! to stop), and it comes back when the client has its answer. Where the handler never comes back, after
//! `exit()` or a fatal error, the end of the script is the end of the request: PHP jumps over our frame,
//! which holds nothing.

use ext_php_rs::ffi::{IS_TRUE, zend_execute_data, zval};
use pillion_engine::worker::Event;

use crate::worker::{reset_hooks, tell};
use crate::{
    engine,
    thread_state::Thread,
    zend::{hook::FunctionHook, interrupt, sapi, value},
};

static HANDLE_REQUEST: FunctionHook =
    FunctionHook::new(c"frankenphp_handle_request", handle_request);

/// Replaces the handler, where this is FrankenPHP. In MINIT.
pub fn install() {
    if engine::sapi() != "frankenphp" {
        return;
    }
    if !HANDLE_REQUEST.install() {
        log::warn!(
            "this FrankenPHP has no frankenphp_handle_request: requests of workers are not noticed"
        );
        return;
    }
    sapi::set_activate_hook(activated);
}

/// Gives the function its own handler back. In MSHUTDOWN: modules end in the reverse order, so
/// FrankenPHP's is still there.
pub fn uninstall() {
    if HANDLE_REQUEST.remove() {
        sapi::remove_activate_hook();
    }
}

/// In the place of `frankenphp_handle_request`. PHP may jump over this frame: nothing here has a
/// destructor.
unsafe extern "C" fn handle_request(execute_data: *mut zend_execute_data, ret: *mut zval) {
    reset_hooks::waits();
    Thread::with(|thread| thread.worker.is_handling = true);
    // SAFETY: as the engine would have called it.
    let handled = unsafe {
        HANDLE_REQUEST.call_original(execute_data, ret);
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
