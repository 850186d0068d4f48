//! PHP's functions: internal ones by name, the function of a closure, the names of a method. Runs on PHP's threads.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    ZEND_USER_FUNCTION, ext_php_rs_compiler_globals, zend_class_entry, zend_execute_data,
    zend_function, zend_internal_function, zend_object, zval,
};

use super::{ffi, hash_table, value::zend_str};

/// The native code of an internal function.
pub type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);

/// An internal function by its name in lower case.
#[must_use]
pub fn find_internal(name: &CStr) -> Option<*mut zend_internal_function> {
    // SAFETY: this thread's table of functions; it holds pointers to functions.
    unsafe {
        let table = (*ext_php_rs_compiler_globals()).function_table;
        let function = hash_table::find_pointer(table, name)?.cast::<zend_function>();
        (!is_user(&*function)).then(|| &raw mut (*function).internal_function)
    }
}

/// Whether the function is written in PHP.
#[must_use]
pub fn is_user(function: &zend_function) -> bool {
    // SAFETY: the type is valid in every function.
    u32::from(unsafe { function.type_ }) == ZEND_USER_FUNCTION
}

/// Whether the class is `Closure`.
#[must_use]
pub fn is_closure(class: *const zend_class_entry) -> bool {
    // SAFETY: PHP's own class, which is there before any script.
    std::ptr::eq(class, unsafe { ffi::zend_ce_closure })
}

/// The function of a closure; `None` for other objects.
///
/// # Safety
/// `object` is alive for `'a`.
#[must_use]
pub unsafe fn closure_function<'a>(object: *mut zend_object) -> Option<&'a zend_function> {
    // SAFETY: by the contract; the class says that the object is a closure; its function lives with it.
    unsafe {
        is_closure((*object).ce)
            .then(|| ffi::zend_get_closure_method_def(object).as_ref())
            .flatten()
    }
}

/// `file:line` of a closure that is written in PHP.
#[must_use]
pub fn closure_location(object: *mut zend_object) -> Option<String> {
    // SAFETY: a live object; file and line are those of functions written in PHP.
    unsafe {
        let function = closure_function(object).filter(|function| is_user(function))?;
        let code = &function.op_array;
        let file = String::from_utf8_lossy(zend_str(code.filename)?);
        Some(format!("{file}:{}", code.line_start))
    }
}

/// The class and the name of a method; `None` for functions.
///
/// # Safety
/// The function is alive.
#[must_use]
pub unsafe fn method_names(function: &zend_function) -> Option<(&[u8], &[u8])> {
    // SAFETY: by the contract; names live as long as the function.
    unsafe {
        let common = &function.common;
        let class = zend_str(common.scope.as_ref()?.name)?;
        Some((class, zend_str(common.function_name)?))
    }
}
