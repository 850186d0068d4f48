//! Names for state that is no variable: settings, resources, handlers, shutdown functions. Used right after the walk.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    IS_PTR, ext_php_rs_executor_globals, php_stream, zend_executor_globals, zend_ini_entry,
    zend_resource, zval,
};
use pillion_engine::worker::leaks::Subject;

use super::{
    describe::{Named, function_location, function_name},
    engine_roots::is_own_shutdown_function,
};
use crate::zend::{
    ffi, function_table, hash_table,
    value::{object, type_of, zend_text},
};

fn ini_entry(subject: Subject) -> *const zend_ini_entry {
    std::ptr::with_exposed_provenance(subject.owner as usize)
}

/// # Safety
/// The subject is a setting.
pub unsafe fn ini(subject: Subject) -> Named {
    // SAFETY: entries live as long as the thread.
    Named::new(unsafe { zend_text((*ini_entry(subject)).name) })
}

/// The value of a setting before the script changed it, and now.
#[must_use]
pub fn ini_values(subject: Subject) -> (String, String) {
    let entry = ini_entry(subject);
    // SAFETY: as above.
    unsafe { (zend_text((*entry).orig_value), zend_text((*entry).value)) }
}

/// The type of a resource, with the one of that type that was opened last.
///
/// # Safety
/// The subject is a type of resources. On a PHP thread in a script.
pub unsafe fn resource(subject: Subject) -> Named {
    // SAFETY: this thread's table of resources; a stream's path and mode are C strings, the path perhaps null.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let newest = hash_table::elements(&raw const (*globals).regular_list)
            .map(|element| (*element.value).value.res)
            .filter(|resource| u64::from((**resource).type_.unsigned_abs()) == subject.owner)
            .last();
        let Some(newest) = newest else {
            return Named::default();
        };
        let type_name = ffi::zend_rsrc_list_get_rsrc_type(newest);
        let mut named = Named::new(match type_name.is_null() {
            true => "resource".into(),
            false => CStr::from_ptr(type_name).to_string_lossy(),
        });
        named.path.extend(stream_description(newest));
        named
    }
}

/// `path (mode)` of a stream that has a path.
///
/// # Safety
/// The resource is alive.
unsafe fn stream_description(resource: *const zend_resource) -> Option<String> {
    // SAFETY: by the contract; the type says that it is a stream.
    unsafe {
        if (*resource).type_ != ffi::php_file_le_stream() {
            return None;
        }
        let stream = (*resource).ptr.cast::<php_stream>();
        if (*stream).orig_path.is_null() {
            return None;
        }
        let path = CStr::from_ptr((*stream).orig_path).to_string_lossy();
        let mode = CStr::from_ptr((*stream).mode.as_ptr()).to_string_lossy();
        Some(format!("{path} ({mode})"))
    }
}

/// The handler that is active, by the function that sets it.
///
/// # Safety
/// On a PHP thread in a script; `field` returns a live field of the globals.
pub unsafe fn handler(
    setter: &str,
    field: unsafe fn(*const zend_executor_globals) -> *const zval,
) -> Named {
    // SAFETY: by the contract.
    unsafe {
        let handler = object(&*field(ext_php_rs_executor_globals()));
        let function = handler.and_then(|object| function_table::closure_function(object));
        Named {
            location: function.and_then(|function| function_location(function)),
            ..Named::new(setter)
        }
    }
}

/// The shutdown function that was registered last.
///
/// # Safety
/// On a PHP thread in a script.
pub unsafe fn shutdown_function() -> Named {
    let mut last = Named::new("register_shutdown_function()");
    // SAFETY: by the contract; entries are as PHP has registered them.
    unsafe {
        let Some(functions) = ffi::shutdown_functions() else {
            return last;
        };
        for element in hash_table::elements(functions) {
            if type_of(&*element.value) != IS_PTR || is_own_shutdown_function(element.value) {
                continue;
            }
            let entry = element.pointer::<ffi::ShutdownFunction>();
            if let Some(function) = (*entry).cache.function_handler.as_ref() {
                last.name = format!("register_shutdown_function({})", function_name(function));
                last.location = function_location(function);
            }
        }
    }
    last
}
