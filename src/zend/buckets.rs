//! Walking a table of pointers by name, as Zend's own tables are, without a value being made for each key.

use std::ffi::c_void;

use ext_php_rs::ffi::{Bucket, HashTable, IS_UNDEF};

use super::value::{type_of, zend_str};

/// One entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What the table holds.
    pub pointer: *mut c_void,
}

/// The entries of a table, in its order. Entries without a name are left out.
///
/// # Safety
/// A table whose values are pointers; nobody changes it meanwhile.
pub unsafe fn entries<'a>(table: &'a HashTable) -> impl Iterator<Item = Entry<'a>> {
    /// `HASH_FLAG_PACKED`: a list, without names.
    const PACKED: u32 = 1 << 2;
    // SAFETY: the flags are valid in every table; one that is not packed has its buckets in `arData`.
    let buckets: &'a [Bucket] = unsafe {
        if table.u.flags & PACKED != 0 || table.nNumUsed == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(table.__bindgen_anon_1.arData, table.nNumUsed as usize)
        }
    };
    buckets.iter().filter_map(|bucket| {
        if type_of(&bucket.val) == IS_UNDEF {
            return None;
        }
        // SAFETY: a bucket's name lives with the table; its value is a pointer by the contract.
        unsafe {
            Some(Entry {
                name: zend_str(bucket.key)?,
                pointer: bucket.val.value.ptr,
            })
        }
    })
}
