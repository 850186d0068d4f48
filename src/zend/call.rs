//! Calls functions and methods of PHP's by their names. PHP code runs: it may throw, and PHP may jump over the frames
//! above, so values here are [`OwnedZval`]s, which have no destructor. Runs on PHP's threads.

use std::{ffi::CStr, mem::MaybeUninit};

use ext_php_rs::ffi::{
    _call_user_function_impl, zend_class_entry, zend_lookup_class_ex, zend_object, zval,
};
use pillion_engine::Error;

use super::{arguments::Thrown, ffi, interrupt, owned::OwnedZval, value};

/// Calls a callable; returns its result, to be released.
///
/// # Errors
/// It has thrown, or is not callable; so below.
pub fn call(function: &OwnedZval, arguments: &[OwnedZval]) -> Result<OwnedZval, Thrown> {
    run(None, function, arguments)
}

/// Calls a function by its name, or a static method by `Class::method`.
pub fn function(name: &str, arguments: &[OwnedZval]) -> Result<OwnedZval, Thrown> {
    let name = OwnedZval::new_string(name);
    let returned = run(None, &name, arguments);
    name.release();
    returned
}

/// Calls a method. A value that is no object is an error: it may be the result of PHP code.
pub fn method(
    object: &OwnedZval,
    name: &str,
    arguments: &[OwnedZval],
) -> Result<OwnedZval, Thrown> {
    if value::object(object.value()).is_none() {
        let found = type_name(object.value());
        return Err(Thrown::state(format!(
            "{name}(): found {found}; expected an object"
        )));
    }
    let name = OwnedZval::new_string(name);
    let returned = run(Some(object), &name, arguments);
    name.release();
    returned
}

/// The class of a name, loaded by PHP's autoloaders if need be; `None` if there is none.
///
/// # Errors
/// An autoloader has thrown.
pub fn class(name: &str) -> Result<Option<*mut zend_class_entry>, Thrown> {
    let name = OwnedZval::new_string(name);
    // SAFETY: on a PHP thread in a call; a string of the engine's.
    let found = unsafe { zend_lookup_class_ex(name.zend_string(), std::ptr::null_mut(), 0) };
    name.release();
    match interrupt::is_throwing() {
        true => Err(Thrown::Pending),
        false => Ok((!found.is_null()).then_some(found)),
    }
}

/// Instantiates a class, and calls its constructor.
pub fn new(class: *mut zend_class_entry, arguments: &[OwnedZval]) -> Result<OwnedZval, Thrown> {
    let mut object = MaybeUninit::<zval>::zeroed();
    // SAFETY: a live class; the place holds nothing.
    if unsafe { ffi::object_init_ex(object.as_mut_ptr(), class) } != 0 {
        return Err(Thrown::Pending);
    }
    let object = OwnedZval::from_zval(object);
    // SAFETY: a live class.
    if unsafe { !(*class).constructor.is_null() } {
        match method(&object, "__construct", arguments) {
            Ok(nothing) => nothing.release(),
            Err(thrown) => {
                object.release();
                return Err(thrown);
            }
        }
    }
    Ok(object)
}

/// An object as a value, which takes its reference over.
#[must_use]
pub fn object(object: *mut zend_object) -> OwnedZval {
    OwnedZval::with(|ret| ret.object(object))
}

fn type_name(value: &zval) -> String {
    // SAFETY: a live value; its type's name is a static C string.
    let name = unsafe { CStr::from_ptr(ffi::zend_zval_type_name(value)) };
    name.to_string_lossy().into_owned()
}

fn run(
    object: Option<&OwnedZval>,
    function: &OwnedZval,
    arguments: &[OwnedZval],
) -> Result<OwnedZval, Thrown> {
    let mut returned = MaybeUninit::<zval>::zeroed();
    // SAFETY: on a PHP thread in a call; live values, which the engine copies, and a place for the
    // result.
    let result = unsafe {
        _call_user_function_impl(
            object.map_or(std::ptr::null_mut(), OwnedZval::as_ptr),
            function.as_ptr(),
            returned.as_mut_ptr(),
            arguments.len().try_into().unwrap_or(0),
            arguments.as_ptr().cast::<zval>().cast_mut(),
            std::ptr::null_mut(),
        )
    };
    let returned = OwnedZval::from_zval(returned);
    if interrupt::is_throwing() {
        returned.release();
        return Err(Thrown::Pending);
    }
    if result != 0 {
        return Err(
            Error::Internal("PHP can't call a function that has to be there".into()).into(),
        );
    }
    Ok(returned)
}
