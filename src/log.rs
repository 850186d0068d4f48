//! Lines for PHP's own error log (`pillion.log=php`): the engine queues them, and PHP's thread writes them at the end
//! of a request and whenever it waits for a job.

use std::ffi::CString;

use pillion_engine::logging;

use crate::zend::ffi;

/// Lines that are written at one time; the others follow the next time.
const MAX_LINES: usize = 256;
/// `LOG_NOTICE` of syslog, which `error_log=syslog` takes over.
const NOTICE: i32 = 5;

/// Writes queued lines. On a PHP thread in a request.
pub fn hand_over() {
    for line in logging::drain_php(MAX_LINES) {
        if let Ok(text) = CString::new(line.text.replace('\0', " ")) {
            // SAFETY: a C string, on a PHP thread; the text is copied or written at once.
            unsafe { ffi::php_log_err_with_severity(text.as_ptr(), NOTICE) };
        }
    }
}
