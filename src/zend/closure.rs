//! A PHP closure over a native function, which so needs no name that PHP code could call.

use std::mem::MaybeUninit;

use ext_php_rs::ffi::{zend_function, zend_internal_function, zval};

use super::{
    ffi,
    function_table::{self, Handler},
    owned::OwnedZval,
};

/// Makes a closure, to be released. On a PHP thread in a call.
#[must_use]
pub fn of(handler: Handler) -> Option<OwnedZval> {
    // Any function of ours without required arguments is a good template.
    let model = function_table::find_internal(c"pillion\\worker\\request_end")?;
    let mut function = MaybeUninit::<zend_function>::zeroed();
    let mut closure = MaybeUninit::<zval>::zeroed();
    // SAFETY: the closure copies the function, of which only the part of internal functions is read.
    unsafe {
        let internal = function.as_mut_ptr().cast::<zend_internal_function>();
        std::ptr::copy_nonoverlapping(model, internal, 1);
        (*internal).handler = Some(handler);
        ffi::zend_create_fake_closure(
            closure.as_mut_ptr(),
            function.as_mut_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
    }
    Some(OwnedZval::from_zval(closure))
}
