//! Reads values that come from PHP: their types, bytes without copying, tables, properties. References are followed
//! where a function says so. Runs on PHP's threads; a result lives as long as the value it was read from.

use std::{
    ffi::CStr,
    hash::{DefaultHasher, Hash, Hasher},
    mem::MaybeUninit,
};

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_LONG, IS_NULL, IS_OBJECT, IS_REFERENCE, IS_STRING, IS_UNDEF,
    zend_object, zend_read_property, zend_string, zval,
};

use super::ffi;

/// The type of a value; a reference is a type of its own.
#[inline]
#[must_use]
pub fn type_of(value: &zval) -> u32 {
    // SAFETY: the type byte is valid in every value.
    unsafe { u32::from(value.u1.v.type_) }
}

/// The value behind a reference, or the value itself.
#[inline]
#[must_use]
pub fn deref(value: &zval) -> &zval {
    if type_of(value) == IS_REFERENCE {
        // SAFETY: the type says that it is a reference; its value lives with it.
        unsafe { &(*value.value.ref_).val }
    } else {
        value
    }
}

/// As [`deref()`], to be written to.
#[must_use]
pub fn deref_mut(value: &mut zval) -> &mut zval {
    if type_of(value) == IS_REFERENCE {
        // SAFETY: as above; the reference is the thread's own.
        unsafe { &mut (*value.value.ref_).val }
    } else {
        value
    }
}

/// Whether the value is null or undefined.
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

/// The engine's string of a string value.
#[inline]
#[must_use]
pub fn string(value: &zval) -> Option<*mut zend_string> {
    // SAFETY: the type says that it is a string.
    unsafe { (type_of(value) == IS_STRING).then_some(value.value.str_) }
}

/// The number in an integer value.
#[must_use]
pub fn integer(value: &zval) -> Option<i64> {
    // SAFETY: the type says that it is an integer.
    unsafe { (type_of(value) == IS_LONG).then_some(value.value.lval) }
}

/// The number in an integer or a float value.
#[must_use]
pub fn number(value: &zval) -> Option<f64> {
    match type_of(value) {
        // SAFETY: the type says that it is a float.
        IS_DOUBLE => Some(unsafe { value.value.dval }),
        _ => integer(value).map(|number| number as f64),
    }
}

/// The object in a value.
#[must_use]
pub fn object(value: &zval) -> Option<*mut zend_object> {
    // SAFETY: the type says that it is an object.
    unsafe { (type_of(value) == IS_OBJECT).then_some(value.value.obj) }
}

/// The table of an array value.
#[inline]
#[must_use]
pub fn table(value: &zval) -> Option<&HashTable> {
    if type_of(value) != IS_ARRAY {
        return None;
    }
    // SAFETY: the type says that it is an array, which lives with the value.
    unsafe { value.value.arr.as_ref() }
}

/// Whether a string or an array is reference-counted: others belong to compiled code or are shared, and never grow.
///
/// # Safety
/// `value` is alive.
#[inline]
#[must_use]
pub unsafe fn is_refcounted(value: *const zval) -> bool {
    /// `IS_TYPE_REFCOUNTED` among the flags of the type.
    const REFCOUNTED: u32 = 1 << 8;
    // SAFETY: by the contract.
    unsafe { (*value).u1.type_info & REFCOUNTED != 0 }
}

/// Runs `read` with a property of an object, in the scope of its class; null counts as absent. May run PHP code
/// (`__get`), so nothing with a destructor may be alive on the frames above.
pub fn property<R>(
    object: *mut zend_object,
    name: &CStr,
    read: impl FnOnce(Option<&zval>) -> R,
) -> R {
    let mut computed = MaybeUninit::<zval>::zeroed();
    // SAFETY: a live object, read in the scope of its own class. A value that `__get` returns lies in `computed`
    // and is ours to release.
    unsafe {
        let found = zend_read_property(
            (*object).ce,
            object,
            name.as_ptr(),
            name.to_bytes().len(),
            true,
            computed.as_mut_ptr(),
        );
        let result = read(found.as_ref().map(deref).filter(|value| !is_null(value)));
        if std::ptr::eq(found, computed.as_ptr()) {
            ffi::release(computed.as_mut_ptr());
        }
        result
    }
}

/// PHP's hash of a string.
///
/// # Safety
/// `text` is a live string; PHP stores the hash in it.
#[inline]
#[must_use]
pub unsafe fn hash_of(text: *mut zend_string) -> u64 {
    // SAFETY: by the contract.
    unsafe {
        match (*text).h {
            0 => ffi::zend_string_hash_func(text),
            hash => hash,
        }
    }
}

/// Whether two strings are the same or have the same bytes.
///
/// # Safety
/// Both are live strings.
#[inline]
#[must_use]
pub unsafe fn is_equal(one: *mut zend_string, other: *mut zend_string) -> bool {
    // SAFETY: by the contract.
    one == other || unsafe { zend_str(one) == zend_str(other) }
}

/// The bytes of an engine string; `None` for null.
///
/// # Safety
/// `text` is null, or a live string that outlives `'a`.
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

/// The text of an engine string; empty for null.
///
/// # Safety
/// As for [`zend_str`].
#[must_use]
pub unsafe fn zend_text(text: *const zend_string) -> String {
    // SAFETY: by the contract.
    String::from_utf8_lossy(unsafe { zend_str(text) }.unwrap_or_default()).into_owned()
}

/// A hash of a text that may be a secret, to compare it with a later one in this process.
#[must_use]
pub fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
