//! Looking at values that come from PHP: their types, bytes without copying, arrays. References are
//! followed. On PHP's threads, for as long as the call lasts.

use ext_php_rs::ffi::{
    HashTable, IS_OBJECT, IS_REFERENCE, IS_STRING, zend_object, zend_string, zval,
};

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

/// The bytes of a string value, without conversion or copy.
#[inline]
#[must_use]
pub fn bytes(value: &zval) -> Option<&[u8]> {
    // SAFETY: the type says that it is a string, which lives with the value.
    (type_of(value) == IS_STRING)
        .then(|| unsafe { zend_str(value.value.str_) })
        .flatten()
}

/// The object in a value.
#[must_use]
pub fn object(value: &zval) -> Option<*mut zend_object> {
    // SAFETY: the type says that it is an object.
    unsafe { (type_of(value) == IS_OBJECT).then_some(value.value.obj) }
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
