//! `ZEND_MAP_PTR`: classes and functions may be shared between processes and threads; their static variables are not,
//! and lie in a table of the thread. Runs on PHP's threads.

use ext_php_rs::ffi::ext_php_rs_compiler_globals;

/// `ZEND_MAP_PTR_GET`: the thread's own data behind such a pointer; null if this thread has none yet.
///
/// # Safety
/// `pointer` is such a field of a live class or function.
#[must_use]
pub unsafe fn get<T>(pointer: *mut T) -> *mut T {
    let offset = pointer.addr();
    if offset & 1 == 0 {
        return pointer;
    }
    // SAFETY: an odd value is an offset into this thread's table; the base of the table is one less for that.
    unsafe {
        let globals = ext_php_rs_compiler_globals();
        if offset / size_of::<*mut T>() >= (*globals).map_ptr_last {
            return std::ptr::null_mut();
        }
        let base = (*globals).map_ptr_base.cast::<u8>();
        *base.wrapping_add(offset).cast::<*mut T>()
    }
}
