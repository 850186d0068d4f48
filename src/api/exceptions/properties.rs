//! Properties of exception objects, hidden ones too. On PHP's threads.

use std::ffi::CString;

use ext_php_rs::ffi::{zend_class_entry, zend_object, zend_read_property, zval};

use crate::zend::{
    arguments::Call,
    class::ClassRef,
    ffi,
    value::{deref, type_of},
    value_writer::{ZvalOut, zval_with},
};

/// Sets a property.
///
/// # Safety
/// `object` is alive and of the class `scope`, which has the property.
pub unsafe fn set(
    scope: *mut zend_class_entry,
    object: *mut zend_object,
    name: &str,
    fill: impl FnOnce(ZvalOut),
) {
    let mut value = zval_with(fill);
    // SAFETY: by the contract; the property takes a reference of its own.
    unsafe {
        ffi::zend_update_property(
            scope,
            object,
            name.as_ptr().cast(),
            name.len(),
            value.as_mut_ptr(),
        );
        ffi::release(value.as_mut_ptr());
    }
}

/// Returns a hidden property, or calls `absent` if it is not set or of another type, as when PHP code has created the
/// exception or unserialized it.
pub fn get(
    call: &Call<'_>,
    class: &ClassRef,
    (name, wanted): (&str, u32),
    ret: ZvalOut,
    absent: impl FnOnce(ZvalOut),
) {
    let Ok(name) = CString::new(name) else {
        return absent(ret);
    };
    let mut result = std::mem::MaybeUninit::<zval>::zeroed();
    // SAFETY: `this` is alive and of the class that has the property.
    let value = unsafe {
        zend_read_property(
            class.entry(),
            call.this(),
            name.as_ptr(),
            name.as_bytes().len(),
            true,
            result.as_mut_ptr(),
        )
        .as_ref()
    };
    match value.map(deref) {
        Some(value) if type_of(value) == wanted => ret.copy(value),
        _ => absent(ret),
    }
}
