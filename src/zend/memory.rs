//! PHP's count of its memory, and its collector of cycles, for the calling thread.

use ext_php_rs::ffi::ext_php_rs_compiler_globals;
use pillion_engine::worker::leaks::GcState;

use super::ffi;

/// Bytes that PHP holds from the system now: `memory_get_usage(true)`.
#[must_use]
pub fn usage() -> usize {
    // SAFETY: reads this thread's heap.
    unsafe { ffi::zend_memory_usage(true) }
}

/// Bytes of them that are in use: `memory_get_usage()`.
#[must_use]
pub fn used() -> usize {
    // SAFETY: as above.
    unsafe { ffi::zend_memory_usage(false) }
}

/// The peak of the bytes that PHP held: `memory_get_peak_usage(true)`.
#[must_use]
pub fn peak() -> usize {
    // SAFETY: as above.
    unsafe { ffi::zend_memory_peak_usage(true) }
}

/// The compiler's arena and the end of its used part: each function allocates there when it is first called.
#[must_use]
pub fn compiler_arena() -> (usize, usize) {
    // SAFETY: this thread's compiler, which always has such memory in a script.
    unsafe {
        let arena = (*ext_php_rs_compiler_globals()).arena;
        (
            arena.addr(),
            arena.as_ref().map_or(0, |arena| arena.ptr.addr()),
        )
    }
}

/// The state of PHP's collector of cycles.
#[must_use]
pub fn gc_state() -> GcState {
    let mut status = ffi::GcStatus::default();
    // SAFETY: fills the status; reads this thread's collector.
    let is_enabled = unsafe {
        ffi::zend_gc_get_status(&raw mut status);
        ffi::gc_enabled()
    };
    GcState {
        runs: status.runs.into(),
        has_no_garbage: status.roots == 0 || !is_enabled,
    }
}

/// Runs the collector and returns the number of freed values. Runs PHP code: destructors, which may throw.
pub fn collect_cycles() -> u64 {
    // SAFETY: on a PHP thread in a script; the pointer is PHP's or another extension's.
    let freed = unsafe { ffi::gc_collect_cycles.map_or(0, |collect| collect()) };
    freed.try_into().unwrap_or(0)
}
