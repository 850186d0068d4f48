//! Overrides internal functions with effects that no table of the engine shows, or that only a system call shows:
//! `chdir`, `umask`, `setlocale`, `putenv` and those of stream wrappers. Each override records the call in the
//! thread's [`ObservedCalls`] and calls PHP's own function, so requests that
//! don't call them pay nothing.
//!
//! PHP may jump over the frames here: they hold nothing with a destructor while PHP's function runs.

use ext_php_rs::ffi::{IS_TRUE, zend_execute_data, zval};

use super::observed_calls::{self, CALLS, ObservedCalls};
use crate::zend::{
    arguments::int_or_null,
    frame::argument,
    hook::FunctionHook,
    value::{bytes, integer, type_of},
};

static CHDIR: FunctionHook = FunctionHook::new(c"chdir", chdir);
static UMASK: FunctionHook = FunctionHook::new(c"umask", umask);
static SETLOCALE: FunctionHook = FunctionHook::new(c"setlocale", setlocale);
static PUTENV: FunctionHook = FunctionHook::new(c"putenv", putenv);
static REGISTER: FunctionHook = FunctionHook::new(c"stream_wrapper_register", register);
static UNREGISTER: FunctionHook = FunctionHook::new(c"stream_wrapper_unregister", unregister);
static RESTORE: FunctionHook = FunctionHook::new(c"stream_wrapper_restore", restore);

/// Installs the overrides. In MINIT. They stay at MSHUTDOWN: no PHP code runs any more when the module is gone.
pub fn install() {
    for hook in [
        &CHDIR,
        &UMASK,
        &SETLOCALE,
        &PUTENV,
        &REGISTER,
        &UNREGISTER,
        &RESTORE,
    ] {
        hook.install();
    }
}

unsafe extern "C" fn chdir(frame: *mut zend_execute_data, ret: *mut zval) {
    CALLS.with(|calls| calls.cwd_may_differ = true);
    // SAFETY: the engine's own pointers; so below.
    unsafe { CHDIR.call_original(frame, ret) };
}

unsafe extern "C" fn umask(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above. The argument lives until the engine frees the frame.
    let (before, asked) = unsafe {
        UMASK.call_original(frame, ret);
        (integer(&*ret), argument(frame, 0).and_then(int_or_null))
    };
    let (Some(before), Some(asked)) = (before, asked) else {
        return;
    };
    let before = u32::try_from(before).unwrap_or(0);
    // PHP takes the lowest nine bits, as the system does.
    CALLS.with(|calls| calls.record_umask(before, (asked & 0o777) as u32));
}

unsafe extern "C" fn setlocale(frame: *mut zend_execute_data, ret: *mut zval) {
    CALLS.with(ObservedCalls::record_locale);
    // SAFETY: as above.
    unsafe { SETLOCALE.call_original(frame, ret) };
}

unsafe extern "C" fn putenv(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    if let Some(name) = unsafe { argument(frame, 0) }
        .and_then(bytes)
        .and_then(variable_name)
    {
        observed_calls::record_variable(name);
    }
    // SAFETY: as above.
    unsafe { PUTENV.call_original(frame, ret) };
}

unsafe extern "C" fn register(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above; the arguments live until the engine frees the frame.
    let (scheme, class, flags) = unsafe {
        REGISTER.call_original(frame, ret);
        if type_of(&*ret) != IS_TRUE {
            return;
        }
        let text = |position| argument(frame, position).and_then(bytes);
        (text(0), text(1), argument(frame, 2).and_then(int_or_null))
    };
    if let (Some(scheme), Some(class)) = (scheme, class) {
        CALLS.with(|calls| calls.record_wrapper(scheme, class, flags.unwrap_or(0)));
    }
}

unsafe extern "C" fn unregister(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above.
    let scheme = unsafe {
        UNREGISTER.call_original(frame, ret);
        argument(frame, 0).and_then(bytes)
    };
    CALLS.with(|calls| calls.record_wrapper_removed(scheme));
}

unsafe extern "C" fn restore(frame: *mut zend_execute_data, ret: *mut zval) {
    CALLS.with(|calls| calls.wrappers_may_differ = true);
    // SAFETY: as above.
    unsafe { RESTORE.call_original(frame, ret) };
}

/// The name in `NAME=value` and in `NAME`.
fn variable_name(setting: &[u8]) -> Option<&[u8]> {
    let name = setting.split(|byte| *byte == b'=').next()?;
    (!name.is_empty()).then_some(name)
}
