//! PHP's hash tables and per-process pointers as they lie in memory, for looking only: nothing is converted,
//! initialised or counted. The layout is that of PHP 8.2 to 8.5. On PHP's threads.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, IS_INDIRECT, IS_REFERENCE, IS_UNDEF, ext_php_rs_compiler_globals, zend_string, zval,
};

use super::value::type_of;

/// `HASH_FLAG_PACKED`: values only, their keys are their places.
const PACKED: u32 = 1 << 2;
/// `HASH_FLAG_UNINITIALIZED`: no room yet.
const UNINITIALIZED: u32 = 1 << 3;

/// Calls `visit` with hash (or number), name (or null) and value of each element from the place `start` on, as
/// it lies there: references and indirect slots are not followed.
///
/// # Safety
/// Null, or a live table that `visit` does not change.
pub unsafe fn each_from(
    table: *const HashTable,
    start: u32,
    mut visit: impl FnMut(u64, *const zend_string, *const zval) -> ControlFlow<()>,
) {
    // SAFETY: by the contract; the first `nNumUsed` places are initialised.
    unsafe {
        let Some(table) = table.as_ref() else { return };
        if table.u.flags & UNINITIALIZED != 0 {
            return;
        }
        for place in start..table.nNumUsed {
            let (hash, name, value) = if table.u.flags & PACKED != 0 {
                let value = table.__bindgen_anon_1.arPacked.add(place as usize);
                (u64::from(place), std::ptr::null(), value.cast_const())
            } else {
                let bucket = table.__bindgen_anon_1.arData.add(place as usize);
                (
                    (*bucket).h,
                    (*bucket).key.cast_const(),
                    &raw const (*bucket).val,
                )
            };
            if type_of(&*value) != IS_UNDEF && visit(hash, name, value).is_break() {
                return;
            }
        }
    }
}

/// All elements; see [`each_from`].
///
/// # Safety
/// As there.
pub unsafe fn each(
    table: *const HashTable,
    mut visit: impl FnMut(u64, *const zend_string, *const zval),
) {
    // SAFETY: by the same contract.
    unsafe {
        each_from(table, 0, |hash, name, value| {
            visit(hash, name, value);
            ControlFlow::Continue(())
        });
    }
}

/// How many elements it has, and how many places it has used.
///
/// # Safety
/// Null, or a live table.
#[must_use]
pub unsafe fn sizes(table: *const HashTable) -> (u32, u32) {
    // SAFETY: by the contract.
    unsafe { table.as_ref() }.map_or((0, 0), |table| (table.nNumOfElements, table.nNumUsed))
}

/// The name at a place of a table with names; null where there is none.
///
/// # Safety
/// Null, or a live table.
#[must_use]
pub unsafe fn name_at(table: *const HashTable, place: u32) -> *const zend_string {
    // SAFETY: by the contract; the first `nNumUsed` places are initialised.
    unsafe {
        match table.as_ref() {
            Some(table) if place < table.nNumUsed && table.u.flags & PACKED == 0 => {
                let bucket = table.__bindgen_anon_1.arData.add(place as usize);
                (*bucket).key.cast_const()
            }
            _ => std::ptr::null(),
        }
    }
}

/// The value behind indirect slots and references.
///
/// # Safety
/// A live value.
#[must_use]
pub unsafe fn behind(mut value: *const zval) -> *const zval {
    // SAFETY: by the contract; each type says what the union holds.
    unsafe {
        if type_of(&*value) == IS_INDIRECT {
            value = (*value).value.zv;
        }
        if type_of(&*value) == IS_REFERENCE {
            value = &raw const (*(*value).value.ref_).val;
        }
        value
    }
}

/// `ZEND_MAP_PTR_GET`: what is shared between processes has a place of its own in each; null where that
/// has not been filled.
///
/// # Safety
/// Such a pointer of a live class or function.
#[must_use]
pub unsafe fn mapped<T>(pointer: *mut T) -> *mut T {
    let offset = pointer.addr();
    if offset & 1 == 0 {
        return pointer;
    }
    // SAFETY: an odd one is an offset into this thread's table, whose base is one less for that.
    unsafe {
        let globals = ext_php_rs_compiler_globals();
        if offset / size_of::<*mut T>() >= (*globals).map_ptr_last {
            return std::ptr::null_mut();
        }
        let base = (*globals).map_ptr_base.cast::<u8>();
        *base.wrapping_add(offset).cast::<*mut T>()
    }
}
