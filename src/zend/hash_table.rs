//! Reads PHP's hash tables: arrays, and the engine's own tables of functions, classes and settings. One walker for
//! all of them, because a packed table and one with keys differ in their layout; it is that of PHP 8.2 to 8.5.
//! Nothing is converted, initialised or counted. Runs on PHP's threads.

use std::{
    ffi::{CStr, c_void},
    marker::PhantomData,
};

use ext_php_rs::ffi::{
    HashTable, IS_INDIRECT, IS_REFERENCE, IS_UNDEF, zend_hash_str_find, zend_string, zval,
};

use pillion_engine::cache::encoding::integer_key;

use super::value::{deref, hash_of, is_equal, type_of, zend_str};

/// `HASH_FLAG_PACKED`: the table holds values only, keyed by their positions.
const PACKED: u32 = 1 << 2;
/// `HASH_FLAG_UNINITIALIZED`: nothing is allocated for elements yet.
const UNINITIALIZED: u32 = 1 << 3;
/// `HASH_FLAG_STATIC_KEYS`: all string keys are interned.
const STATIC_KEYS: u32 = 1 << 4;
/// `HT_INVALID_IDX`: ends the elements of a hash.
const NO_POSITION: u32 = u32::MAX;
/// `IS_STR_INTERNED`: a string that is shared and never released.
const INTERNED: u32 = 1 << 6;
/// `GC_IMMUTABLE`: the array lies in opcache's shared memory.
const IMMUTABLE: u32 = 1 << 6;

/// A key of a PHP array.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// An integer key.
    Index(i64),
    /// A string key, not necessarily UTF-8.
    Name(&'a [u8]),
}

impl<'a> Key<'a> {
    /// The key that an array has for a text: decimal integers become integer keys.
    #[must_use]
    pub fn of_text(text: &'a [u8]) -> Self {
        integer_key(text).map_or(Self::Name(text), Self::Index)
    }
}

/// An element as it lies in its table: references and indirect slots are not followed.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    /// The hash of the name, or the integer key where there is none.
    pub hash: u64,
    /// The string key; null for an integer key.
    pub name: *const zend_string,
    /// The value; never undefined.
    pub value: *const zval,
}

impl Element {
    /// The value as a pointer, in a table of pointers.
    ///
    /// # Safety
    /// The element is one of a live table of pointers.
    #[must_use]
    pub unsafe fn pointer<T>(&self) -> *mut T {
        // SAFETY: by the contract.
        unsafe { (*self.value).value.ptr.cast() }
    }

    /// The string key.
    ///
    /// # Safety
    /// The element is one of a table that is alive for `'a`.
    #[must_use]
    pub unsafe fn name_bytes<'a>(&self) -> Option<&'a [u8]> {
        // SAFETY: by the contract; the table holds the string.
        unsafe { zend_str(self.name) }
    }
}

/// Appends a value under a string key, as `zend_hash_add` does, without a call of the engine. Returns `false`, and does
/// nothing, if the table has the key, no place left, or no places for keys.
///
/// # Safety
/// `table` is a new table that nothing else refers to, `key` a live string that is not a decimal integer. The table
/// takes a reference of `value` over.
#[inline]
pub unsafe fn append(table: *mut HashTable, key: *mut zend_string, value: &zval) -> bool {
    // SAFETY: by the contract. A table with places for keys has `nTableSize` of them from `arData` on, and before
    // `arData` for each hash the position of its last element, from which the others follow.
    unsafe {
        let (table, hash) = (&mut *table, hash_of(key));
        if table.u.flags & (PACKED | UNINITIALIZED) != 0 || table.nNumUsed >= table.nTableSize {
            return false;
        }
        let elements = table.__bindgen_anon_1.arData;
        let chain = (hash as u32 | table.nTableMask).cast_signed() as isize;
        let last = elements.cast::<u32>().offset(chain);
        let mut position = *last;
        while position != NO_POSITION {
            let found = &*elements.add(position as usize);
            if found.h == hash && !found.key.is_null() && is_equal(found.key, key) {
                return false;
            }
            position = found.val.u2.next;
        }
        if (*key).gc.u.type_info & INTERNED == 0 {
            (*key).gc.refcount += 1;
            table.u.flags &= !STATIC_KEYS;
        }
        let element = elements.add(table.nNumUsed as usize);
        (*element).val.value = value.value;
        (*element).val.u1.type_info = value.u1.type_info;
        (*element).val.u2.next = *last;
        (*element).h = hash;
        (*element).key = key;
        *last = table.nNumUsed;
        table.nNumUsed += 1;
        table.nNumOfElements += 1;
        true
    }
}

/// Iterates over the elements of a table in its order. Reads the table anew at each step, so that a table that has
/// changed meanwhile ends the iteration early at worst.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    table: *const HashTable,
    position: u32,
    lifetime: PhantomData<&'a HashTable>,
}

/// The elements from `position` on.
///
/// # Safety
/// `table` is null, or alive for as long as the iterator is used.
#[must_use]
pub const unsafe fn elements_from<'a>(table: *const HashTable, position: u32) -> Elements<'a> {
    Elements {
        table,
        position,
        lifetime: PhantomData,
    }
}

impl Elements<'_> {
    /// The position behind the last element that was returned.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.position
    }
}

/// All elements.
///
/// # Safety
/// As for [`elements_from`].
#[must_use]
pub const unsafe fn elements<'a>(table: *const HashTable) -> Elements<'a> {
    // SAFETY: by the same contract.
    unsafe { elements_from(table, 0) }
}

impl Iterator for Elements<'_> {
    type Item = Element;

    #[inline]
    fn next(&mut self) -> Option<Element> {
        // SAFETY: by the contract of `elements_from`; the first `nNumUsed` positions are initialised.
        unsafe {
            let table = self.table.as_ref()?;
            while self.position < table.nNumUsed {
                let position = self.position as usize;
                self.position += 1;
                let element = if table.u.flags & PACKED != 0 {
                    Element {
                        hash: position as u64,
                        name: std::ptr::null(),
                        value: table.__bindgen_anon_1.arPacked.add(position),
                    }
                } else {
                    let bucket = table.__bindgen_anon_1.arData.add(position);
                    Element {
                        hash: (*bucket).h,
                        name: (*bucket).key,
                        value: &raw const (*bucket).val,
                    }
                };
                if type_of(&*element.value) != IS_UNDEF {
                    return Some(element);
                }
            }
            None
        }
    }
}

/// Calls `each` with every key and value of an array; references and indirect slots are followed.
pub fn for_each<'a>(table: &'a HashTable, each: impl FnMut(Key<'a>, &'a zval)) {
    for_each_from(table, 0, each);
}

/// As [`for_each`], from a position on.
pub fn for_each_from<'a>(
    table: &'a HashTable,
    position: u32,
    mut each: impl FnMut(Key<'a>, &'a zval),
) {
    // SAFETY: the table, its keys and its values are alive for `'a`.
    for element in unsafe { elements_from(table, position) } {
        // SAFETY: as above.
        let (key, value) = unsafe {
            let key = match element.name_bytes() {
                Some(name) => Key::Name(name),
                None => Key::Index(element.hash.cast_signed()),
            };
            (key, &*follow(element.value))
        };
        if type_of(value) != IS_UNDEF {
            each(key, value);
        }
    }
}

/// The value under a string key, as it lies in the table.
///
/// # Safety
/// `table` is null, or alive for `'a`.
#[must_use]
pub unsafe fn find<'a>(table: *const HashTable, name: &[u8]) -> Option<&'a mut zval> {
    if table.is_null() {
        return None;
    }
    // SAFETY: by the contract; the name is given with its length.
    unsafe { zend_hash_str_find(table, name.as_ptr().cast(), name.len()).as_mut() }
}

/// The pointer under a string key of a table of pointers.
///
/// # Safety
/// `table` is null, or a live table of pointers.
#[must_use]
pub unsafe fn find_pointer(table: *const HashTable, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: by the contract.
    unsafe { find(table, name.to_bytes()).map(|found| found.value.ptr) }
}

/// The number of elements, and the number of positions in use, deleted elements included.
///
/// # Safety
/// `table` is null or alive.
#[must_use]
pub unsafe fn sizes(table: *const HashTable) -> (u32, u32) {
    // SAFETY: by the contract.
    unsafe { table.as_ref() }.map_or((0, 0), |table| (table.nNumOfElements, table.nNumUsed))
}

/// Whether the table is packed without holes: its keys are its positions.
#[must_use]
pub fn is_list(table: &HashTable) -> bool {
    // SAFETY: the flags are valid in every array.
    let flags = unsafe { table.u.flags };
    flags & PACKED != 0 && table.nNumOfElements == table.nNumUsed
}

/// The name at a position; null if the table has none there.
///
/// # Safety
/// `table` is null or alive.
#[must_use]
pub unsafe fn name_at(table: *const HashTable, position: u32) -> *const zend_string {
    // SAFETY: by the contract; the first `nNumUsed` positions are initialised.
    unsafe {
        match table.as_ref() {
            Some(table) if position < table.nNumUsed && table.u.flags & PACKED == 0 => {
                let bucket = table.__bindgen_anon_1.arData.add(position as usize);
                (*bucket).key.cast_const()
            }
            _ => std::ptr::null(),
        }
    }
}

/// Bytes of the request's memory that an array takes, without those of its elements.
#[must_use]
pub fn allocated_bytes(array: &HashTable) -> u64 {
    // SAFETY: the flags are valid in every array.
    let (flags, is_shared) = unsafe { (array.u.flags, array.gc.u.type_info & IMMUTABLE != 0) };
    let size = u64::from(array.nTableSize);
    match () {
        () if is_shared => 0,
        () if flags & UNINITIALIZED != 0 => 56,
        () if flags & PACKED != 0 => 56 + 8 + size * 16,
        () => 56 + size * (32 + 4),
    }
}

/// The value behind an indirect slot and a reference.
///
/// # Safety
/// `value` is alive.
#[must_use]
pub unsafe fn follow(mut value: *const zval) -> *const zval {
    // SAFETY: by the contract; the type says that the union holds a pointer to a value, or a reference.
    unsafe {
        if type_of(&*value) == IS_INDIRECT {
            value = (*value).value.zv;
        }
        if type_of(&*value) == IS_REFERENCE {
            value = deref(&*value);
        }
        value
    }
}
