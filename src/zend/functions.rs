//! PHP's functions as the engine has them: internal ones by name, and what a frame runs.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    ext_php_rs_compiler_globals, zend_execute_data, zend_hash_str_find, zend_internal_function,
};

use super::value::zend_str;

/// `ZEND_INTERNAL_FUNCTION`
const INTERNAL: u8 = 1;

/// An internal function by its name in lower case.
#[must_use]
pub fn internal(name: &CStr) -> Option<*mut zend_internal_function> {
    // SAFETY: the table of functions of this thread; it holds pointers to functions.
    unsafe {
        let table = (*ext_php_rs_compiler_globals()).function_table;
        let found = zend_hash_str_find(table, name.as_ptr(), name.to_bytes().len()).as_ref()?;
        let function = found.value.func;
        ((*function).type_ == INTERNAL).then(|| &raw mut (*function).internal_function)
    }
}

/// The class and the method that a frame runs; `None` for functions.
///
/// # Safety
/// A live frame.
#[must_use]
pub unsafe fn method_of<'a>(frame: *mut zend_execute_data) -> Option<(&'a [u8], &'a [u8])> {
    // SAFETY: by the contract; names live as long as the function.
    unsafe {
        let function = (*frame).func.as_ref()?;
        let common = &function.common;
        let class = zend_str(common.scope.as_ref()?.name)?;
        Some((class, zend_str(common.function_name)?))
    }
}
