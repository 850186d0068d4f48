//! PHP's functions as the engine has them: internal ones by name, and what a frame runs.

use std::{ffi::CStr, mem::MaybeUninit};

use ext_php_rs::ffi::{
    _call_user_function_impl, ext_php_rs_compiler_globals, zend_execute_data, zend_hash_str_find,
    zend_internal_function, zend_object, zval,
};

use super::{
    kept::Kept,
    raw,
    ret::filled,
    value::{deref, zend_str},
};

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

/// Calls a function of PHP's by its name, and looks at what it returns; an exception of it stays on its way. PHP
/// code may run, and PHP may jump over the frames above.
pub fn call<R>(name: &CStr, arguments: &[Kept], look: impl FnOnce(&zval) -> R) -> R {
    let mut callable = filled(|ret| ret.string(name.to_bytes()));
    let mut returned = MaybeUninit::<zval>::zeroed();
    // SAFETY: on a PHP thread in a request; live values, which the call only reads, and a place for another.
    unsafe {
        _call_user_function_impl(
            std::ptr::null_mut(),
            callable.as_mut_ptr(),
            returned.as_mut_ptr(),
            arguments.len().try_into().unwrap_or(0),
            arguments.as_ptr().cast_mut().cast(),
            std::ptr::null_mut(),
        );
        let looked = look(deref(returned.assume_init_ref()));
        raw::release(returned.as_mut_ptr());
        raw::release(callable.as_mut_ptr());
        looked
    }
}

/// File and line of a closure of PHP code.
#[must_use]
pub fn place_of_closure(object: *mut zend_object) -> Option<String> {
    // SAFETY: a live object; its class is asked before it is taken for a closure, whose function lives with it.
    unsafe {
        if (*object).ce != raw::zend_ce_closure {
            return None;
        }
        let function = raw::zend_get_closure_method_def(object).as_ref()?;
        if function.type_ == INTERNAL {
            return None;
        }
        let code = &function.op_array;
        let file = String::from_utf8_lossy(zend_str(code.filename)?);
        Some(format!("{file}:{}", code.line_start))
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
