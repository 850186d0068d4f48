//! Converts signatures as written in the stubs, `(array $request, ?float $timeout = null): mixed`, into the engine's
//! argument tables, so that reflection, named arguments and defaults match the stubs. Tables are made once for each
//! load of the library, in MINIT, and live as long as it.

use std::ffi::{CString, c_void};

use ext_php_rs::ffi::{
    _ZEND_SEND_MODE_SHIFT, _ZEND_TYPE_NULLABLE_BIT, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG,
    IS_STRING, IS_TRUE, IS_VOID, MAY_BE_ANY, zend_function_entry, zend_internal_arg_info,
    zend_type,
};

use super::{arguments::arity, function_table::Handler};

#[cfg(php83)]
const CLASS_NAME: u32 = ext_php_rs::ffi::_ZEND_TYPE_LITERAL_NAME_BIT;
#[cfg(not(php83))]
const CLASS_NAME: u32 = ext_php_rs::ffi::_ZEND_TYPE_NAME_BIT;

/// One function or method: its name (with the namespace), its signature and its code.
#[derive(Clone, Copy)]
pub struct Function {
    /// `Pillion\Velox\build`, or a method's bare name.
    pub name: &'static str,
    /// As in the stubs.
    pub signature: &'static str,
    /// Its native code.
    pub handler: Handler,
    /// Access flags of a method; 0 for a function.
    pub flags: u32,
}

/// A table of functions, each with its signature and its [`FunctionBody`](super::arguments::FunctionBody). Their
/// namespace comes first, or the word `methods`.
#[macro_export]
macro_rules! functions {
    (methods; $($rows:tt)*) => {
        $crate::functions!(@ "", ext_php_rs::ffi::ZEND_ACC_PUBLIC; $($rows)*)
    };
    ($namespace:literal; $($rows:tt)*) => { $crate::functions!(@ $namespace, 0; $($rows)*) };
    (@ $namespace:literal, $flags:expr; $($name:literal $signature:literal => $body:path,)*) => {
        &[$($crate::zend::registration::Function {
            name: concat!($namespace, $name),
            signature: $signature,
            handler: $crate::handler!($body, $signature),
            flags: $flags,
        }),*]
    };
}

/// The engine's table of functions, ended by an empty entry; never freed.
#[must_use]
pub fn table(functions: &[Function]) -> *const zend_function_entry {
    let mut entries: Vec<zend_function_entry> = functions.iter().map(entry).collect();
    entries.push(empty());
    Box::leak(entries.into_boxed_slice()).as_ptr()
}

fn empty() -> zend_function_entry {
    // SAFETY: a C struct of pointers and numbers, for which all zero is the engine's end mark.
    unsafe { std::mem::zeroed() }
}

fn entry(function: &Function) -> zend_function_entry {
    let (required, count) = arity(function.signature);
    // The first record is the function's own; its name field holds a number.
    let own = zend_internal_arg_info {
        name: std::ptr::without_provenance(required as usize),
        type_: return_type(function.signature),
        default_value: std::ptr::null(),
    };
    let infos: Vec<_> = [own]
        .into_iter()
        .chain(arguments(function.signature))
        .collect();
    let mut entry = empty();
    entry.fname = leak(function.name);
    entry.handler = Some(function.handler);
    entry.arg_info = Box::leak(infos.into_boxed_slice()).as_ptr();
    entry.num_args = count;
    entry.flags = function.flags;
    entry
}

/// The default of an optional argument that has none to show.
const UNKNOWN: &str = "UNKNOWN";

/// The arguments; a default of `[]` has no comma inside.
fn arguments(signature: &str) -> impl Iterator<Item = zend_internal_arg_info> {
    let inner = signature
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'))
        .map_or("", |(inner, _)| inner);
    let arguments = inner.split(',').map(str::trim);
    arguments.filter(|text| !text.is_empty()).map(|argument| {
        let (declared, default) = match argument.split_once('=') {
            Some((declared, default)) => (declared.trim(), Some(default.trim())),
            None => (argument, None),
        };
        let (type_name, name) = declared.rsplit_once(' ').unwrap_or(("", declared));
        let (name, is_by_reference) = match name.strip_prefix('&') {
            Some(name) => (name, 1),
            None => (name, 0),
        };
        let mut type_ = parse_type(type_name.trim());
        type_.type_mask |= is_by_reference << _ZEND_SEND_MODE_SHIFT;
        zend_internal_arg_info {
            name: leak(name.trim_start_matches('$')),
            type_,
            default_value: default
                .filter(|default| *default != UNKNOWN)
                .map_or(std::ptr::null(), leak),
        }
    })
}

fn return_type(signature: &str) -> zend_type {
    match signature.rsplit_once("):") {
        Some((_, name)) => parse_type(name.trim()),
        None => none(),
    }
}

fn none() -> zend_type {
    zend_type {
        ptr: std::ptr::null_mut(),
        type_mask: 0,
    }
}

/// A type as PHP writes it: `?float`, `array|string`, `Pillion\Future`.
#[must_use]
pub fn parse_type(name: &str) -> zend_type {
    let (name, nullable) = match name.strip_prefix('?') {
        Some(rest) => (rest, _ZEND_TYPE_NULLABLE_BIT),
        None => (name, 0),
    };
    let mut type_ = none();
    type_.type_mask = nullable;
    for part in name.split('|') {
        match mask(part) {
            Some(bits) => type_.type_mask |= bits,
            None => {
                type_.ptr = leak(part.trim_start_matches('\\'))
                    .cast_mut()
                    .cast::<c_void>();
                type_.type_mask |= CLASS_NAME;
            }
        }
    }
    type_
}

fn mask(name: &str) -> Option<u32> {
    Some(match name {
        "null" => _ZEND_TYPE_NULLABLE_BIT,
        "false" => 1 << IS_FALSE,
        "bool" => (1 << IS_FALSE) | (1 << IS_TRUE),
        "int" => 1 << IS_LONG,
        "float" => 1 << IS_DOUBLE,
        "string" => 1 << IS_STRING,
        "array" => 1 << IS_ARRAY,
        "void" => 1 << IS_VOID,
        // `IS_CALLABLE`, which is a type of declarations only.
        "callable" => 1 << 12,
        "mixed" => MAY_BE_ANY,
        "" => 0,
        _ => return None,
    })
}

/// A C string that is never freed.
fn leak(text: &str) -> *const std::ffi::c_char {
    CString::new(text).unwrap_or_default().into_raw()
}
