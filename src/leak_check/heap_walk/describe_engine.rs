//! Names for what is no variable: ini values, resources, handlers, and what was loaded. As in `names`, right after
//! the walk.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, IS_OBJECT, IS_PTR, ext_php_rs_executor_globals, php_stream, zend_ini_entry,
    zend_resource, zval,
};
use pillion_engine::worker::leaks::{LeakKind, LoadedCode, Subject};

use super::{
    names::{
        Named, class_name, class_place, closure, function_name, function_place, is_closure, string,
    },
    roots::is_ours,
};
use crate::zend::{ffi, table, value::type_of};

pub unsafe fn ini(key: Subject) -> Named {
    let entry = std::ptr::with_exposed_provenance::<zend_ini_entry>(key.owner as usize);
    Named {
        // SAFETY: entries live as long as the thread.
        name: unsafe { string((*entry).name) },
        ..Named::default()
    }
}

/// The value of an ini entry before the script changed it, and now.
#[must_use]
pub fn ini_values(key: Subject) -> (String, String) {
    let entry = std::ptr::with_exposed_provenance::<zend_ini_entry>(key.owner as usize);
    // SAFETY: as above.
    unsafe { (string((*entry).orig_value), string((*entry).value)) }
}

/// The kind of a resource, with the one of it that was opened last.
pub unsafe fn resource(key: Subject) -> Named {
    let mut named = Named::default();
    let mut last: *mut zend_resource = std::ptr::null_mut();
    // SAFETY: this thread's table of resources.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        table::each(&raw const (*globals).regular_list, |_, _, resource| {
            let resource = (*resource).value.res;
            if u64::from((*resource).type_.unsigned_abs()) == key.owner {
                last = resource;
            }
        });
        if last.is_null() {
            return named;
        }
        let kind = ffi::zend_rsrc_list_get_rsrc_type(last);
        named.name = match kind.is_null() {
            true => "resource".to_owned(),
            false => std::ffi::CStr::from_ptr(kind)
                .to_string_lossy()
                .into_owned(),
        };
        if (*last).type_ == ffi::php_file_le_stream() {
            let stream = (*last).ptr.cast::<php_stream>();
            if !(*stream).orig_path.is_null() {
                let path = std::ffi::CStr::from_ptr((*stream).orig_path).to_string_lossy();
                let mode = std::ffi::CStr::from_ptr((*stream).mode.as_ptr()).to_string_lossy();
                named.path.push(format!("{path} ({mode})"));
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
        let Some(functions) = ffi::shutdown_functions() else {
            return last;
        };
        table::each(functions, |_, _, entry| {
            if type_of(&*entry) != IS_PTR || is_ours(entry) {
                return;
            }
            let entry = (*entry).value.ptr.cast::<ffi::ShutdownFunction>();
            if let Some(function) = (*entry).cache.function_handler.as_ref() {
                last.name = format!("register_shutdown_function({})", function_name(function));
                last.place = function_place(function);
            }
        });
    }
    last
}

/// How much of the code that was loaded since did not exist when the script began, in seconds since 1970: evaluated
/// text, and files that were written later. Code that was there before is loaded once, whenever that may be.
#[must_use]
pub fn generated(before: LoadedCode, now: LoadedCode, began: u64) -> LoadedCode {
    let count = |kind, before: u32, now: u32| {
        let mut count = 0;
        newest(kind, now.saturating_sub(before), |place| {
            count += u32::from(is_later(place.file, began));
        });
        count
    };
    LoadedCode {
        classes: count(LeakKind::Class, before.classes, now.classes),
        functions: count(LeakKind::Function, before.functions, now.functions),
        files: count(LeakKind::File, before.files, now.files),
    }
}

fn is_later(file: &str, began: u64) -> bool {
    file.contains("eval()'d code")
        || std::fs::metadata(file)
            .and_then(|file| file.modified())
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .is_some_and(|at| at.as_secs() >= began)
}

/// The names of what a table has gained, at most ten.
#[must_use]
pub fn newest_names(kind: LeakKind, count: u64) -> Vec<String> {
    let mut names = Vec::new();
    newest(kind, count.min(10) as u32, |place| names.push(place.name));
    names
}

struct Place<'a> {
    name: String,
    file: &'a str,
}

/// Visits the elements that a table has gained last.
fn newest(kind: LeakKind, count: u32, mut visit: impl FnMut(Place<'_>)) {
    // SAFETY: this thread's tables.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let table: *const HashTable = match kind {
            LeakKind::Class => (*globals).class_table,
            LeakKind::Function => (*globals).function_table,
            LeakKind::File => &raw const (*globals).included_files,
            LeakKind::Constant => (*globals).zend_constants,
            _ => return,
        };
        let (_, used) = table::sizes(table);
        let start = used.saturating_sub(count);
        table::each_from(table, start, |_, name, value| {
            let (name, place) = match kind {
                LeakKind::Class => {
                    let address = (*value).value.ce.addr() as u64;
                    (class_name(address), class_place(address))
                }
                LeakKind::Function => {
                    let function = &*(*value).value.func;
                    (function_name(function), function_place(function))
                }
                _ => (string(name), None),
            };
            let file = place.map_or_else(|| name.clone(), |(file, _)| file);
            visit(Place { name, file: &file });
            ControlFlow::Continue(())
        });
    }
}
