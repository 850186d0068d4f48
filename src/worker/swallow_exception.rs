//! Exceptions of PHP code that runs between two requests: there is nobody to catch them, and nothing else
//! may suffer from them. On PHP's thread.

use std::ffi::CStr;

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_object};

use crate::zend::{
    ffi,
    value::{self, zend_str},
};

/// Says in the log what was thrown, and drops it. `event` is the name of the line.
pub fn log_and_clear_exception(event: &str) {
    // SAFETY: an exception is on its way, and it is this thread's; clearing drops it.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        if ffi::zend_is_unwind_exit(exception) {
            log::error!(reason = "it called exit(), which ends the call only"; "{event}");
        } else {
            say(event, exception);
        }
        ffi::zend_clear_exception();
    }
}

fn say(event: &str, exception: *mut zend_object) {
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
    // SAFETY: a live object, whose class outlives it.
    let class = unsafe { zend_str((*(*exception).ce).name) }.unwrap_or_default();
    log::error!(
        class = String::from_utf8_lossy(class).as_ref(),
        message = text(c"message").as_str(),
        place = format!("{}:{line}", text(c"file")).as_str();
        "{event}"
    );
}
