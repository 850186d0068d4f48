//! The frame of a running function: its arguments and variables follow the frame's header in memory. Runs on PHP's
//! threads.

use ext_php_rs::ffi::{zend_execute_data, zval};

/// The header's size in values (`ZEND_CALL_FRAME_SLOT`).
const HEADER_SLOTS: usize = size_of::<zend_execute_data>().div_ceil(size_of::<zval>());

/// The address of an argument or variable, counted from 0. The caller knows how many there are.
#[inline]
#[must_use]
pub const fn slot(frame: *mut zend_execute_data, position: usize) -> *mut zval {
    frame.cast::<zval>().wrapping_add(HEADER_SLOTS + position)
}

/// The number of arguments that were given.
///
/// # Safety
/// `frame` is alive.
#[inline]
#[must_use]
pub const unsafe fn argument_count(frame: *const zend_execute_data) -> u32 {
    // SAFETY: by the contract; `This.u2` holds the number.
    unsafe { (*frame).This.u2.num_args }
}

/// An argument, counted from 0; `None` if it was not given.
///
/// # Safety
/// `frame` is the frame of an internal function and alive for `'a`.
#[must_use]
pub unsafe fn argument<'a>(frame: *mut zend_execute_data, position: u32) -> Option<&'a zval> {
    // SAFETY: by the contract; the frame has as many arguments as it says.
    unsafe { (position < argument_count(frame)).then(|| &*slot(frame, position as usize)) }
}
