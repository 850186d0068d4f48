//! Names of strings, classes and functions, and the places of their declarations, as a developer knows them. Used
//! right after the walk, while everything it has seen is still alive.

use ext_php_rs::ffi::{ZEND_USER_FUNCTION, zend_class_entry, zend_function};
use pillion_engine::worker::leaks::LeakKind;

use crate::zend::{function_table::is_user, value::zend_text};

/// The name of a subject, and where it is declared.
#[derive(Debug, Default)]
pub struct Named {
    /// `App\Cart::$items`
    pub name: String,
    /// For properties of objects: how the object is reached, from something that has a name.
    pub path: Vec<String>,
    /// The kind to report, if it differs from the walk's.
    pub kind: Option<LeakKind>,
    /// The file and the line of the declaration.
    pub location: Option<(String, u32)>,
}

impl Named {
    /// Without path and location.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// The name of a class by its address. Classes live as long as the script.
#[must_use]
pub fn class_name(address: u64) -> String {
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(address as usize);
    if class.is_null() {
        return "object".into();
    }
    // SAFETY: an address that this script's walk has read from a live object or table.
    let name = unsafe { zend_text((*class).name) };
    // The name of an anonymous class is followed by its file and line.
    name.split('\0').next().unwrap_or_default().to_owned()
}

/// Where a class is declared, by its address; `None` for internal classes.
#[must_use]
pub fn class_location(address: u64) -> Option<(String, u32)> {
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(address as usize);
    // SAFETY: as in `class_name`; file and line are those of classes written in PHP.
    unsafe {
        let class = class.as_ref()?;
        (u32::from(class.type_.cast_unsigned()) == ZEND_USER_FUNCTION).then(|| {
            (
                zend_text(class.info.user.filename),
                class.info.user.line_start,
            )
        })
    }
}

/// `App\Cart::add()`
///
/// # Safety
/// The function is alive.
pub unsafe fn function_name(function: &zend_function) -> String {
    // SAFETY: by the contract; its class lives too.
    unsafe {
        let common = &function.common;
        let name = zend_text(common.function_name);
        match common.scope.is_null() {
            true => format!("{name}()"),
            false => format!("{}::{name}()", class_name(common.scope.addr() as u64)),
        }
    }
}

/// Where a function is declared; `None` for internal functions.
///
/// # Safety
/// The function is alive.
pub unsafe fn function_location(function: &zend_function) -> Option<(String, u32)> {
    // SAFETY: by the contract; file and line are those of functions written in PHP.
    unsafe {
        is_user(function).then(|| {
            (
                zend_text(function.op_array.filename),
                function.op_array.line_start,
            )
        })
    }
}

/// The name of a property without the class that precedes private and protected ones, between zero bytes.
#[must_use]
pub fn bare_property_name(name: &str) -> String {
    name.rsplit('\0').next().unwrap_or_default().to_owned()
}
