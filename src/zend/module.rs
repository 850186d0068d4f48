//! PHP's other modules: their versions, and their globals, which are no symbols to link to. Hooks of our own modules.
//! Runs on PHP's threads.

use std::{
    ffi::{CStr, c_int, c_void},
    panic::{UnwindSafe, catch_unwind},
};

use ext_php_rs::ffi::zend_module_entry;

use super::{ffi, hash_table};

/// The globals of a module for the calling thread, valid as long as the thread lives. `None` if there is no such
/// module, or it has none.
#[must_use]
pub fn globals(name: &CStr) -> Option<*mut c_void> {
    let entry = find(name)?;
    // SAFETY: an entry of a module that has started.
    unsafe {
        #[cfg(php_zts)]
        let globals = ffi::ts_resource_ex(*(*entry).globals_id_ptr.as_ref()?, std::ptr::null_mut());
        #[cfg(not(php_zts))]
        let globals = (*entry).globals_ptr;
        (!globals.is_null()).then_some(globals)
    }
}

/// The version of a module; empty if there is no such module. That of `standard` is PHP's.
#[must_use]
pub fn version(name: &CStr) -> String {
    // SAFETY: an entry's version is null or a C string that lives as long as the entry.
    unsafe {
        let version = find(name).map_or(std::ptr::null(), |entry| (*entry).version);
        match version.is_null() {
            true => String::new(),
            false => CStr::from_ptr(version).to_string_lossy().into_owned(),
        }
    }
}

/// Whether a module of that name is there, started or not.
#[must_use]
pub fn is_registered(name: &CStr) -> bool {
    find(name).is_some()
}

fn find(name: &CStr) -> Option<*const zend_module_entry> {
    // SAFETY: the table holds pointers to entries, which live as long as PHP runs.
    let entry = unsafe { hash_table::find_pointer(&raw const ffi::module_registry, name)? };
    Some(entry.cast())
}

/// Runs a hook of a module, and returns the code that PHP expects. A panic must not cross into PHP.
pub fn guarded(work: impl FnOnce() + UnwindSafe) -> c_int {
    const SUCCESS: c_int = 0;
    const FAILURE: c_int = -1;
    match catch_unwind(work) {
        Ok(()) => SUCCESS,
        Err(_) => FAILURE,
    }
}
