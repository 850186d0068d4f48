//! PHP's output buffers.

use super::ffi;

/// How many are open.
#[must_use]
pub fn level() -> i32 {
    // SAFETY: reads this thread's output layer.
    unsafe { ffi::php_output_get_level() }
}

/// Ends those that are open beyond `level`, and hands their text on or (`drop_text`) drops it. Callbacks of
/// buffers run, which may be PHP code.
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
        // One that may not be removed stays.
        let left = self::level();
        if left >= open {
            return;
        }
        open = left;
    }
}
