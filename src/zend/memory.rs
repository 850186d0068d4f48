//! PHP's own count of its memory, for the thread that calls.

use super::raw;

/// Bytes that PHP holds from the system now: `memory_get_usage(true)`.
#[must_use]
pub fn usage() -> usize {
    // SAFETY: reads this thread's heap.
    unsafe { raw::zend_memory_usage(true) }
}

/// The most it held at one time: `memory_get_peak_usage(true)`.
#[must_use]
pub fn peak() -> usize {
    // SAFETY: as above.
    unsafe { raw::zend_memory_peak_usage(true) }
}
