//! The newest entries of the tables of classes, functions, files and constants. Used right after the walk.

use ext_php_rs::ffi::{HashTable, ext_php_rs_executor_globals};
use pillion_engine::worker::leaks::{LeakKind, LoadedCode};

use super::describe::{class_location, class_name, function_location, function_name};
use crate::zend::{hash_table, value::zend_text};

/// Names that are reported of one table.
const MAX_NAMES: u64 = 10;

/// How much of the code that was loaded since `before` did not exist when the script began, in seconds since 1970:
/// evaluated code, and files that were written later. Code that existed is loaded once at some time, and no leak.
#[must_use]
pub fn generated(before: LoadedCode, now: LoadedCode, script_began: u64) -> LoadedCode {
    let count = |kind, before: u32, now: u32| {
        let mut count = 0;
        visit_newest(kind, now.saturating_sub(before), |_, file| {
            count += u32::from(is_generated(file, script_began));
        });
        count
    };
    LoadedCode {
        classes: count(LeakKind::Class, before.classes, now.classes),
        functions: count(LeakKind::Function, before.functions, now.functions),
        files: count(LeakKind::File, before.files, now.files),
    }
}

fn is_generated(file: &str, script_began: u64) -> bool {
    file.contains("eval()'d code")
        || std::fs::metadata(file)
            .and_then(|file| file.modified())
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .is_some_and(|at| at.as_secs() >= script_began)
}

/// The names of the `count` newest entries of a table, at most [`MAX_NAMES`].
#[must_use]
pub fn newest_names(kind: LeakKind, count: u64) -> Vec<String> {
    let mut names = Vec::new();
    visit_newest(kind, count.min(MAX_NAMES) as u32, |name, _| {
        names.push(name);
    });
    names
}

/// Calls `visit` with the name and the file of the `count` newest entries of a table.
fn visit_newest(kind: LeakKind, count: u32, mut visit: impl FnMut(String, &str)) {
    // SAFETY: this thread's tables, which hold classes, functions, and anything by name.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let table: *const HashTable = match kind {
            LeakKind::Class => (*globals).class_table,
            LeakKind::Function => (*globals).function_table,
            LeakKind::File => &raw const (*globals).included_files,
            LeakKind::Constant => (*globals).zend_constants,
            _ => return,
        };
        let (_, used) = hash_table::sizes(table);
        for element in hash_table::elements_from(table, used.saturating_sub(count)) {
            let (name, location) = match kind {
                LeakKind::Class => {
                    let address = (*element.value).value.ce.addr() as u64;
                    (class_name(address), class_location(address))
                }
                LeakKind::Function => {
                    let function = &*(*element.value).value.func;
                    (function_name(function), function_location(function))
                }
                _ => (zend_text(element.name), None),
            };
            let file = location.map_or_else(|| name.clone(), |(file, _)| file);
            visit(name, &file);
        }
    }
}
