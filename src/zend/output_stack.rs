//! The stack of PHP's output buffers; a script writes to its top. Moves the newest buffer below the plain ones, which
//! PHP's own functions can't do. Runs on PHP's threads.

use std::ffi::{c_int, c_void};

use ext_php_rs::ffi::zend_string;

/// The name of a buffer without a callback.
const PLAIN: &[u8] = b"default output handler";

/// `php_output_handler`: its first fields, the same since PHP 5.4.
#[repr(C)]
struct Handler {
    name: *mut zend_string,
    flags: c_int,
    level: c_int,
}

/// `zend_stack`
#[repr(C)]
struct Stack {
    size: c_int,
    top: c_int,
    max: c_int,
    elements: *mut *mut Handler,
}

/// `zend_output_globals`: its first fields.
#[repr(C)]
struct Globals {
    handlers: Stack,
    active: *mut Handler,
}

#[cfg(not(php_zts))]
unsafe extern "C" {
    static mut output_globals: Globals;
}
#[cfg(php_zts)]
unsafe extern "C" {
    static output_globals_id: c_int;
}

fn globals() -> *mut Globals {
    #[cfg(not(php_zts))]
    let globals = &raw mut output_globals;
    // SAFETY: on a PHP thread in a request; the id is constant after PHP's start.
    #[cfg(php_zts)]
    let globals =
        unsafe { super::ffi::ts_resource_ex(output_globals_id, std::ptr::null_mut()) }.cast();
    globals
}

/// Moves the newest buffer below the plain ones next to it: it gets their text, whether a script flushes them or takes
/// it and prints it. Buffers with a callback stay below, since they may compress the text.
///
/// # Safety
/// On a PHP thread in a request; `newest` is the handler that has been started last, and no callback runs.
pub unsafe fn sink(newest: *mut c_void) {
    // SAFETY: by the contract; the elements are live handlers from 0 to `top`.
    unsafe {
        let globals = globals();
        let Some(stack) = globals.as_ref().map(|globals| &globals.handlers) else {
            return;
        };
        let is_expected = usize::try_from(stack.size) == Ok(size_of::<*mut Handler>())
            && (*globals).active.cast::<c_void>() == newest;
        let top = usize::try_from(stack.top).unwrap_or(0);
        if !is_expected || top < 2 {
            return;
        }
        let handlers = std::slice::from_raw_parts_mut(stack.elements, top);
        let plain = handlers
            .iter()
            .rev()
            .skip(1)
            .take_while(|handler| is_plain(**handler))
            .count();
        if let Some(moved) = handlers.get_mut(top - 1 - plain..) {
            moved.rotate_right(1);
        }
        for (level, handler) in handlers.iter().enumerate() {
            (**handler).level = c_int::try_from(level).unwrap_or(c_int::MAX);
        }
        if let Some(last) = handlers.last() {
            (*globals).active = *last;
        }
    }
}

/// # Safety
/// `handler` is a live handler.
unsafe fn is_plain(handler: *const Handler) -> bool {
    // SAFETY: by the contract; a name is a live string.
    unsafe {
        (*handler).name.as_ref().is_some_and(|name| {
            std::slice::from_raw_parts(name.val.as_ptr().cast::<u8>(), name.len) == PLAIN
        })
    }
}
