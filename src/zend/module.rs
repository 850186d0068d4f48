//! Globals of PHP's other modules, found through their module entries: they are no symbols to link to. Runs on PHP's
//! threads.

use std::ffi::{CStr, c_void};

use ext_php_rs::ffi::zend_module_entry;

use super::{ffi, hash_table};

/// The globals of a module for the calling thread, valid as long as the thread lives. `None` if there is no such
/// module, or it has none.
#[must_use]
pub fn globals(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the table holds pointers to entries, which live as long as PHP runs.
    unsafe {
        let entry = hash_table::find_pointer(&raw const ffi::module_registry, name)?
            .cast::<zend_module_entry>();
        #[cfg(php_zts)]
        let globals = ffi::ts_resource_ex(*(*entry).globals_id_ptr.as_ref()?, std::ptr::null_mut());
        #[cfg(not(php_zts))]
        let globals = (*entry).globals_ptr;
        (!globals.is_null()).then_some(globals)
    }
}
