//! Exceptions of PHP code that runs between two requests: no PHP code could catch them there, and they must not reach
//! the next request. On PHP's thread.

use std::ffi::CStr;

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_object};

use super::{
    ffi, interrupt,
    value::{self, zend_text},
};

/// Logs and clears the exception that has been thrown; returns `false` if there is none. `event` is the log event.
pub fn log_and_clear(event: &str) -> bool {
    if !interrupt::is_throwing() {
        return false;
    }
    // SAFETY: an exception is pending, and it is this thread's; clearing drops it.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        if ffi::zend_is_unwind_exit(exception) {
            log::error!(reason = "it called exit(), which ends the call only"; "{event}");
        } else {
            log_exception(event, exception);
        }
        ffi::zend_clear_exception();
    }
    true
}

fn log_exception(event: &str, exception: *mut zend_object) {
    let text = |name: &CStr| {
        value::property(exception, name, |found| {
            found
                .and_then(value::bytes)
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .unwrap_or_default()
        })
    };
    let line = value::property(exception, c"line", |found| {
        found.and_then(value::integer).unwrap_or(0)
    });
    // SAFETY: a live object; its class outlives it.
    let class = unsafe { zend_text((*(*exception).ce).name) };
    log::error!(
        class = class.as_str(),
        message = text(c"message").as_str(),
        place = format!("{}:{line}", text(c"file")).as_str();
        "{event}"
    );
}
