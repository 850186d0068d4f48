//! Copies of PHP values that outlive the script: in memory of the process, as opcache's, and not of the script.
//!
//! Strings and arrays are counted as any others, with one reference of the copy's own: PHP separates them before a
//! change, and never destroys them. They are neither flagged as interned, since PHP keeps pointers to such strings, nor
//! as immutable, since PHP copies such an array without counting its elements. A copy is freed only while no script
//! runs, whatever its counts say then: a script that a fatal error ends leaves them too high, and may leave an array
//! marked as being walked, so copies that it has seen are not used again. On PHP's threads.

use std::{mem::MaybeUninit, ptr};

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_STRING, IS_STRING_EX, IS_TRUE,
    zend_hash_index_update, zend_hash_next_index_insert, zend_hash_update, zend_string, zval,
};

use super::{
    ffi,
    hash_table::{self, Key},
    owned::OwnedZval,
    value::{bytes, table, type_of},
};

/// `GC_NOT_COLLECTABLE`, `GC_PERSISTENT_LOCAL` (of one thread) and `GC_PERSISTENT`.
const FLAGS: u32 = 1 << 4 | 1 << 8 | 1 << 7;
/// `IS_TYPE_REFCOUNTED`, without `IS_TYPE_COLLECTABLE`: the collector of cycles does not look into the array.
const COUNTED_ARRAY: u32 = IS_ARRAY | 1 << 8;
/// Bytes of the header of a string.
const HEADER: usize = std::mem::offset_of!(zend_string, val);
/// Bytes of an element of an array, its hash included.
const ELEMENT: usize = 36;

/// Copies null, a scalar, a string, or an array of those, and returns the bytes of the copy too; `None` for any other
/// value, or if there is no memory. The copy ends with [`free`], and never with a release.
#[must_use]
pub fn copy_of(value: &zval) -> Option<(OwnedZval, usize)> {
    let mut copy = MaybeUninit::<zval>::zeroed();
    // SAFETY: a zeroed value is an undefined one.
    let bytes = unsafe { copy_value(value, &mut *copy.as_mut_ptr()) };
    let copy = OwnedZval::from_zval(copy);
    if bytes.is_none() {
        // SAFETY: nothing else has seen it.
        unsafe { free(copy) };
    }
    Some((copy, bytes?))
}

/// As [`copy_of`], of a string.
#[must_use]
pub fn copy_of_string(text: &[u8]) -> Option<OwnedZval> {
    let mut copy = MaybeUninit::<zval>::zeroed();
    // SAFETY: a zeroed value is an undefined one; the copy is a string with one reference.
    unsafe {
        let slot = &mut *copy.as_mut_ptr();
        slot.value.str_ = new_string(text)?;
        slot.u1.type_info = IS_STRING_EX;
    }
    Some(OwnedZval::from_zval(copy))
}

/// Frees a copy.
///
/// # Safety
/// It is one of [`copy_of`], and no script runs on this thread that may have seen it.
pub unsafe fn free(copy: OwnedZval) {
    // SAFETY: by the contract.
    unsafe { free_value(&mut *copy.as_ptr()) };
}

/// Copies a value into an undefined slot. Returns its bytes. On failure the slot has what was copied so far.
///
/// # Safety
/// Both are alive.
unsafe fn copy_value(value: &zval, slot: &mut zval) -> Option<usize> {
    // SAFETY: the union is read as the type says.
    unsafe {
        match type_of(value) {
            IS_NULL | IS_FALSE | IS_TRUE | IS_LONG | IS_DOUBLE => {
                slot.value = value.value;
                slot.u1.type_info = value.u1.type_info;
                Some(0)
            }
            IS_STRING => {
                let text = bytes(value)?;
                slot.value.str_ = new_string(text)?;
                slot.u1.type_info = IS_STRING_EX;
                Some(HEADER + text.len() + 1)
            }
            IS_ARRAY => copy_array(table(value)?, slot),
            _ => None,
        }
    }
}

/// # Safety
/// As [`copy_value`]. The depth of the array is bounded.
unsafe fn copy_array(from: &HashTable, slot: &mut zval) -> Option<usize> {
    // SAFETY: a new table with one reference; it frees nothing that it contains by itself, except keys.
    unsafe {
        let copy = libc::malloc(size_of::<HashTable>()).cast::<HashTable>();
        if copy.is_null() {
            return None;
        }
        let (count, _) = hash_table::sizes(from);
        ffi::_zend_hash_init(copy, count, None, true);
        slot.value.arr = copy;
        slot.u1.type_info = COUNTED_ARRAY;
        let mut sum = Some(size_of::<HashTable>() + count as usize * ELEMENT);
        let is_list = hash_table::is_list(from);
        hash_table::for_each(from, |key, element| {
            let Some(bytes) = sum else {
                return;
            };
            sum = put(copy, is_list, key, element).map(|added| bytes + added);
        });
        (*copy).gc.u.type_info |= FLAGS;
        sum
    }
}

/// Adds an element to a table. Returns its bytes.
///
/// # Safety
/// As [`copy_value`]; the table is one of ours, not yet seen by PHP.
unsafe fn put(to: *mut HashTable, is_list: bool, key: Key<'_>, element: &zval) -> Option<usize> {
    let mut copied = MaybeUninit::<zval>::zeroed();
    // SAFETY: a zeroed value is an undefined one; the table takes it over, complete or not, so that it is freed.
    unsafe {
        let bytes = copy_value(element, &mut *copied.as_mut_ptr());
        match key {
            Key::Index(_) if is_list => {
                zend_hash_next_index_insert(to, copied.as_mut_ptr());
            }
            Key::Index(index) => {
                zend_hash_index_update(to, index.cast_unsigned(), copied.as_mut_ptr());
            }
            Key::Name(name) => {
                let Some(text) = new_string(name) else {
                    free_value(&mut *copied.as_mut_ptr());
                    return None;
                };
                // The table takes a reference of its own.
                (*text).gc.refcount = 0;
                zend_hash_update(to, text, copied.as_mut_ptr());
                return Some(bytes? + HEADER + name.len() + 1);
            }
        }
        bytes
    }
}

/// A string with one reference.
fn new_string(text: &[u8]) -> Option<*mut zend_string> {
    // SAFETY: memory for header, bytes and NUL.
    unsafe {
        let string =
            libc::malloc((HEADER + text.len() + 1).next_multiple_of(8)).cast::<zend_string>();
        if string.is_null() {
            return None;
        }
        (*string).gc.refcount = 1;
        (*string).gc.u.type_info = IS_STRING | FLAGS;
        (*string).h = 0;
        (*string).len = text.len();
        let bytes = (&raw mut (*string).val).cast::<u8>();
        ptr::copy_nonoverlapping(text.as_ptr(), bytes, text.len());
        bytes.add(text.len()).write(0);
        ffi::zend_string_hash_func(string);
        Some(string)
    }
}

/// # Safety
/// A value of [`copy_value`], which nothing uses any more.
unsafe fn free_value(value: &mut zval) {
    // SAFETY: by the contract; our strings and tables are memory of `malloc`.
    unsafe {
        match type_of(value) {
            IS_STRING => libc::free(value.value.str_.cast()),
            IS_ARRAY => {
                let array = value.value.arr;
                for element in hash_table::elements(array) {
                    if !element.name.is_null() {
                        // The table frees its keys by their counts.
                        (*element.name.cast_mut()).gc.refcount = 1;
                    }
                    free_value(&mut *element.value.cast_mut());
                }
                (*array).gc.refcount = 1;
                ffi::zend_hash_destroy(array);
                libc::free(array.cast());
            }
            _ => {}
        }
    }
}
