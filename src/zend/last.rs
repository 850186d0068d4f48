//! Work that PHP does as the last of a script's shutdown functions: after `exit()`, an uncaught exception
//! or a fatal error that is the last place where PHP code may run. A shutdown function is a callable of
//! PHP's, so one is made of a copy of a function of ours, without a name that PHP code could call.

use std::{
    mem::MaybeUninit,
    sync::atomic::{AtomicPtr, Ordering},
};

use ext_php_rs::ffi::{
    _call_user_function_impl, zend_execute_data, zend_function, zend_internal_function, zval,
};

use super::{functions, interrupt, raw, ret::filled};

type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);

static WORK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Has `work` called at the end of the script that runs. Always the same function. On a PHP thread in a call.
pub fn at_the_end(work: fn()) {
    WORK.store(work as *mut (), Ordering::Release);
    register(first);
}

/// Runs among the shutdown functions, and puts the next one behind all that are registered by then.
unsafe extern "C" fn first(_: *mut zend_execute_data, _: *mut zval) {
    register(second);
}

/// The same once more: shutdown functions may register others.
unsafe extern "C" fn second(_: *mut zend_execute_data, _: *mut zval) {
    register(last);
}

unsafe extern "C" fn last(_: *mut zend_execute_data, _: *mut zval) {
    let work = WORK.load(Ordering::Acquire);
    if !work.is_null() {
        // SAFETY: only `at_the_end` stores here, and only a `fn()`.
        unsafe { std::mem::transmute::<*mut (), fn()>(work)() };
    }
}

fn register(handler: Handler) {
    // Any function of ours without required arguments will do for the copy.
    let Some(model) = functions::internal(c"pillion\\worker\\request_end") else {
        return;
    };
    let mut function = MaybeUninit::<zend_function>::zeroed();
    let mut closure = MaybeUninit::<zval>::zeroed();
    let mut returned = MaybeUninit::<zval>::zeroed();
    let mut name = filled(|ret| ret.string("register_shutdown_function"));
    // SAFETY: on a PHP thread in a request. The closure copies the function; PHP copies the closure.
    unsafe {
        let internal = function.as_mut_ptr().cast::<zend_internal_function>();
        std::ptr::copy_nonoverlapping(model, internal, 1);
        (*internal).handler = Some(handler);
        raw::zend_create_closure(
            closure.as_mut_ptr(),
            function.as_mut_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        _call_user_function_impl(
            std::ptr::null_mut(),
            name.as_mut_ptr(),
            returned.as_mut_ptr(),
            1,
            closure.as_mut_ptr(),
            std::ptr::null_mut(),
        );
        raw::release(returned.as_mut_ptr());
        raw::release(closure.as_mut_ptr());
        raw::release(name.as_mut_ptr());
        // Somebody has switched `register_shutdown_function` off: then there is no such place.
        if interrupt::is_throwing() {
            raw::zend_clear_exception();
        }
    }
}
