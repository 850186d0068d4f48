//! PHP's functions as the engine has them: internal ones by name, and what a frame runs.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    ext_php_rs_compiler_globals, zend_execute_data, zend_function, zend_hash_str_find,
    zend_internal_function, zend_object, zval,
};

use super::{ffi, value::zend_str};

/// `ZEND_INTERNAL_FUNCTION`
const INTERNAL: u8 = 1;

/// An internal function by its name in lower case.
#[must_use]
pub fn find_internal(name: &CStr) -> Option<*mut zend_internal_function> {
    // SAFETY: the table of functions of this thread; it holds pointers to functions.
    unsafe {
        let table = (*ext_php_rs_compiler_globals()).function_table;
        let found = zend_hash_str_find(table, name.as_ptr(), name.to_bytes().len()).as_ref()?;
        let function = found.value.func;
        ((*function).type_ == INTERNAL).then(|| &raw mut (*function).internal_function)
    }
}

/// File and line of a closure of PHP code.
#[must_use]
pub fn closure_location(object: *mut zend_object) -> Option<String> {
    // SAFETY: a live object; its class is asked before it is taken for a closure, whose function lives with it.
    unsafe {
        if (*object).ce != ffi::zend_ce_closure {
            return None;
        }
        let function = ffi::zend_get_closure_method_def(object).as_ref()?;
        if function.type_ == INTERNAL {
            return None;
        }
        let code = &function.op_array;
        let file = String::from_utf8_lossy(zend_str(code.filename)?);
        Some(format!("{file}:{}", code.line_start))
    }
}

/// An argument of a frame, from 0.
///
/// # Safety
/// A live frame of an internal function.
#[must_use]
pub unsafe fn argument<'a>(frame: *mut zend_execute_data, position: u32) -> Option<&'a zval> {
    const FRAME: usize = size_of::<zend_execute_data>().div_ceil(size_of::<zval>());
    // SAFETY: arguments lie behind the frame, as many as it says.
    unsafe {
        let given = (*frame).This.u2.num_args;
        (position < given).then(|| &*frame.cast::<zval>().add(FRAME + position as usize))
    }
}

/// The class and the name of a method; `None` for functions.
///
/// # Safety
/// A live function.
#[must_use]
pub unsafe fn method_names(function: &zend_function) -> Option<(&[u8], &[u8])> {
    // SAFETY: by the contract; names live as long as the function.
    unsafe {
        let common = &function.common;
        let class = zend_str(common.scope.as_ref()?.name)?;
        Some((class, zend_str(common.function_name)?))
    }
}
