//! FrankenPHP's worker mode. Its loop calls `frankenphp_handle_request`, which is overridden in MINIT: within a
//! call FrankenPHP calls `sapi_module.activate` when a request (or the order to stop) has arrived, and the call returns
//! when the client has its answer. If it never returns, after `exit()` or a fatal error, the request ends with the
//! script: PHP jumps over our frame, which holds nothing. On PHP's threads.

use ext_php_rs::ffi::{IS_TRUE, zend_execute_data, zval};
use pillion_engine::worker::Event;

use crate::{
    thread_state::thread_state,
    worker::{mode, publish, reset, transition::advance},
    zend::{hook::FunctionHook, interrupt, request_line, sapi, value},
};

static HANDLE_REQUEST: FunctionHook =
    FunctionHook::new(c"frankenphp_handle_request", handle_request);

thread_state! {
    /// Within a call of `frankenphp_handle_request`.
    static IS_IN_CALL: bool = false;
}

/// Overrides the handler, in FrankenPHP. In each MINIT, because PHP creates the function anew.
pub fn install() {
    if !HANDLE_REQUEST.install() {
        log::warn!(
            "requests of FrankenPHP workers are not detected: frankenphp_handle_request() does not exist"
        );
        return;
    }
    sapi::set_activate_hook(activated);
    request_line::set_variables_hook(publish::request_known);
}

/// Restores the function's own handler. In MSHUTDOWN: modules end in the reverse order, so FrankenPHP's still exists.
pub fn uninstall() {
    if HANDLE_REQUEST.remove() {
        sapi::remove_activate_hook();
        request_line::remove_variables_hook();
    }
}

/// Handler of `frankenphp_handle_request`. PHP may jump over this frame: nothing here has a destructor.
unsafe extern "C" fn handle_request(execute_data: *mut zend_execute_data, ret: *mut zval) {
    reset::before_wait();
    IS_IN_CALL.set(true);
    // SAFETY: the arguments of the engine's call.
    let handled = unsafe {
        HANDLE_REQUEST.call_original(execute_data, ret);
        value::type_of(&*ret) == IS_TRUE
    };
    IS_IN_CALL.set(false);
    // A callback of an output buffer may have thrown when the answer was ended.
    let exception = interrupt::take_exception();
    if interrupt::is_throwing() {
        // `exit()` in such a callback: the script ends, and the request with it.
        return;
    }
    if handled {
        mode::set_frankenphp_worker();
        reset::run();
    }
    let _ = advance(Event::Handled(handled));
    interrupt::rethrow(exception);
}

/// `sapi_module.activate`: it activates a worker's request only within a call of the handler.
fn activated() {
    if IS_IN_CALL.get() {
        let _ = advance(Event::Activated);
    }
}

/// A script starts. In RINIT.
pub fn script_startup() {
    IS_IN_CALL.set(false);
}
