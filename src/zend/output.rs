//! PHP's output buffers. Runs on PHP's threads.

use super::ffi;

/// The number of open buffers.
#[must_use]
pub fn level() -> i32 {
    // SAFETY: reads this thread's output layer.
    unsafe { ffi::php_output_get_level() }
}

/// Closes the buffers above `level`, and flushes or (`drop_text`) drops their text. May run PHP code: callbacks of
/// buffers.
pub fn close_above(level: i32, drop_text: bool) {
    let mut open = self::level();
    while open > level {
        // SAFETY: on a PHP thread in a request.
        unsafe {
            match drop_text {
                true => ffi::php_output_discard(),
                false => ffi::php_output_end(),
            };
        }
        // A buffer that may not be removed stays.
        let left = self::level();
        if left >= open {
            return;
        }
        open = left;
    }
}
