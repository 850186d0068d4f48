//! Names for what is no variable: ini values, resources, handlers, and what was loaded. As in `names`, right after
//! the walk.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, IS_OBJECT, IS_PTR, ext_php_rs_executor_globals, php_stream, zend_ini_entry,
    zend_resource, zval,
};
use pillion_engine::worker::leaks::{Key, Kind};

use super::{
    names::{Named, class_name, closure, function_name, function_place, is_closure, string},
    roots::is_ours,
};
use crate::zend::{raw, table, value::type_of};

pub unsafe fn ini(key: Key) -> Named {
    let entry = std::ptr::with_exposed_provenance::<zend_ini_entry>(key.of as usize);
    Named {
        // SAFETY: entries live as long as the thread.
        name: unsafe { string((*entry).name) },
        ..Named::default()
    }
}

/// The value of an ini entry before the script changed it, and now.
#[must_use]
pub fn ini_values(key: Key) -> (String, String) {
    let entry = std::ptr::with_exposed_provenance::<zend_ini_entry>(key.of as usize);
    // SAFETY: as above.
    unsafe { (string((*entry).orig_value), string((*entry).value)) }
}

pub unsafe fn resource(key: Key) -> Named {
    let mut named = Named::default();
    // SAFETY: this thread's table of resources.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let found = raw::find_index(&raw const (*globals).regular_list, key.slot);
        let Some(found) = found.as_ref() else {
            return named;
        };
        let resource: *mut zend_resource = found.value.res;
        let kind = raw::zend_rsrc_list_get_rsrc_type(resource);
        let kind = match kind.is_null() {
            true => "resource".to_owned(),
            false => std::ffi::CStr::from_ptr(kind)
                .to_string_lossy()
                .into_owned(),
        };
        named.name = format!("{kind} #{}", key.slot);
        if (*resource).type_ == raw::php_file_le_stream() {
            let stream = (*resource).ptr.cast::<php_stream>();
            if !(*stream).orig_path.is_null() {
                let path = std::ffi::CStr::from_ptr((*stream).orig_path).to_string_lossy();
                let mode = std::ffi::CStr::from_ptr((*stream).mode.as_ptr()).to_string_lossy();
                named.name = format!("{kind} #{} {path} ({mode})", key.slot);
            }
        }
    }
    named
}

pub unsafe fn handler(
    setter: &str,
    which: unsafe fn(*const ext_php_rs::ffi::zend_executor_globals) -> *const zval,
) -> Named {
    // SAFETY: this thread's globals.
    unsafe {
        let value = which(ext_php_rs_executor_globals());
        let mut named = Named {
            name: setter.to_owned(),
            ..Named::default()
        };
        if type_of(&*value) == IS_OBJECT && is_closure((*(*value).value.obj).ce) {
            named.place = function_place(closure((*value).value.obj));
        }
        named
    }
}

/// The one that was registered last.
pub unsafe fn shutdown_function() -> Named {
    let mut last = Named {
        name: "register_shutdown_function()".to_owned(),
        ..Named::default()
    };
    // SAFETY: in a script; entries are as PHP has registered them.
    unsafe {
        let Some(functions) = raw::shutdown_functions() else {
            return last;
        };
        table::each(functions, |_, _, entry| {
            if type_of(&*entry) != IS_PTR || is_ours(entry) {
                return;
            }
            let entry = (*entry).value.ptr.cast::<raw::ShutdownFunction>();
            if let Some(function) = (*entry).cache.function_handler.as_ref() {
                last.name = format!("register_shutdown_function({})", function_name(function));
                last.place = function_place(function);
            }
        });
    }
    last
}

/// What a table has gained beyond so many elements, by its keys; the last ones, where there are too many.
#[must_use]
pub fn newest(kind: Kind, count: u32) -> Vec<String> {
    const MOST: usize = 10;
    let mut names = Vec::new();
    // SAFETY: this thread's tables.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let table: *const HashTable = match kind {
            Kind::Class => (*globals).class_table,
            Kind::Function => (*globals).function_table,
            Kind::File => &raw const (*globals).included_files,
            Kind::Constant => (*globals).zend_constants,
            _ => return names,
        };
        let (_, used) = table::sizes(table);
        let start = used.saturating_sub(count);
        table::each_from(table, start, |_, name, value| {
            let shown = match kind {
                Kind::Class => class_name((*value).value.ce.addr() as u64),
                Kind::Function => function_name(&*(*value).value.func),
                _ => string(name),
            };
            names.push(shown);
            match names.len() < MOST {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
    }
    names
}
