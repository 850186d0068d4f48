//! Looking at values that come from PHP: their types, bytes without copying, arrays. References are
//! followed. On PHP's threads, for as long as the call lasts.

use std::{ffi::CStr, mem::MaybeUninit};

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_LONG, IS_NULL, IS_OBJECT, IS_REFERENCE, IS_STRING, IS_UNDEF,
    zend_object, zend_read_property, zend_string, zval,
};

use super::ffi;

/// The type of a value, references not followed.
#[inline]
#[must_use]
pub fn type_of(value: &zval) -> u32 {
    // SAFETY: the type byte is valid in every value.
    unsafe { u32::from(value.u1.v.type_) }
}

/// The value that a reference stands for.
#[inline]
#[must_use]
pub fn deref(value: &zval) -> &zval {
    if type_of(value) == IS_REFERENCE {
        // SAFETY: the type says that it is a reference, whose value lives with it.
        unsafe { &(*value.value.ref_).val }
    } else {
        value
    }
}

/// The place that a reference stands for.
#[must_use]
pub fn deref_mut(value: &mut zval) -> &mut zval {
    if type_of(value) == IS_REFERENCE {
        // SAFETY: as above; the reference is the thread's own.
        unsafe { &mut (*value.value.ref_).val }
    } else {
        value
    }
}

/// Whether the value is null.
#[must_use]
pub fn is_null(value: &zval) -> bool {
    matches!(type_of(value), IS_NULL | IS_UNDEF)
}

/// The bytes of a string value, without conversion or copy.
#[inline]
#[must_use]
pub fn bytes(value: &zval) -> Option<&[u8]> {
    // SAFETY: the type says that it is a string, which lives with the value.
    (type_of(value) == IS_STRING)
        .then(|| unsafe { zend_str(value.value.str_) })
        .flatten()
}

/// The number in an integer value.
#[must_use]
pub fn integer(value: &zval) -> Option<i64> {
    // SAFETY: the type says that it is an integer.
    unsafe { (type_of(value) == IS_LONG).then_some(value.value.lval) }
}

/// The object in a value.
#[must_use]
pub fn object(value: &zval) -> Option<*mut zend_object> {
    // SAFETY: the type says that it is an object.
    unsafe { (type_of(value) == IS_OBJECT).then_some(value.value.obj) }
}

/// The table of an array value.
#[must_use]
pub fn table(value: &zval) -> Option<&HashTable> {
    if type_of(value) != IS_ARRAY {
        return None;
    }
    // SAFETY: the type says that it is an array, which lives with the value.
    unsafe { value.value.arr.as_ref() }
}

/// Runs `look` with a property of an object, in the scope of its class; null counts as none. May run PHP
/// code (`__get`), so nothing with a destructor may be alive on the frames above.
pub fn property<R>(
    object: *mut zend_object,
    name: &CStr,
    look: impl FnOnce(Option<&zval>) -> R,
) -> R {
    let mut room = MaybeUninit::<zval>::zeroed();
    // SAFETY: a live object, asked in the scope of its own class; what is put into `room` is ours.
    unsafe {
        let found = zend_read_property(
            (*object).ce,
            object,
            name.as_ptr(),
            name.to_bytes().len(),
            true,
            room.as_mut_ptr(),
        );
        let looked = look(found.as_ref().map(deref).filter(|value| !is_null(value)));
        if std::ptr::eq(found, room.as_ptr()) {
            ffi::release(room.as_mut_ptr());
        }
        looked
    }
}

/// The bytes of an engine string.
///
/// # Safety
/// Null, or a live string that outlives `'a`.
#[inline]
#[must_use]
pub unsafe fn zend_str<'a>(text: *const zend_string) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the bytes follow the header, `len` of them.
    unsafe {
        Some(std::slice::from_raw_parts(
            (&raw const (*text).val).cast::<u8>(),
            (*text).len,
        ))
    }
}

/// Calls `each` with every key and value of an array; keys as numbers or bytes.
pub fn for_each<'a>(table: &'a HashTable, mut each: impl FnMut(Key<'a>, &'a zval)) {
    // ext-php-rs' iterator knows the packed layout and follows indirect slots.
    let mut items = table.iter();
    while let Some((key, value)) = items.next_zval() {
        // SAFETY: a key is a number or a string, by its type; the array holds the string too, and
        // outlives this call.
        let key = unsafe {
            match type_of(&key) {
                IS_STRING => zend_str(key.value.str_).map(Key::Name),
                _ => Some(Key::Index(key.value.lval)),
            }
        };
        if let Some(key) = key {
            each(key, deref(value));
        }
    }
}

/// A key of a PHP array.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// A number.
    Index(i64),
    /// A string, not necessarily UTF-8.
    Name(&'a [u8]),
}
