//! A call from PHP to a function of the extension: its arguments, its return value, and the exception it throws. A
//! panic never crosses into PHP: it becomes a `StateException` of code 999 and a line in the log.
//!
//! Functions here are written so that PHP may jump over their frames (a fatal error in an interrupt): such a frame
//! holds nothing with a destructor that matters. Runs on PHP's threads.

mod parse;

use std::{
    ffi::CStr,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ext_php_rs::ffi::{zend_execute_data, zend_object, zend_wrong_parameters_count_error, zval};
use pillion_engine::Error;

use super::{ffi, frame, value_writer::ZvalOut};

pub use parse::int_or_null;

/// Why a call returns no value.
pub enum Thrown {
    /// An exception is pending in the engine already.
    Pending,
    /// An error of ours, to be thrown as its class.
    Error(Error),
}

impl Thrown {
    /// A `StateException`.
    pub fn state(reason: impl Into<String>) -> Self {
        Self::Error(Error::State(reason.into()))
    }
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Throws an error as an exception of PHP's. Implemented where the exception classes are, above this module.
pub trait ThrowException {
    /// Makes the exception of the error's class pending.
    fn throw(&self);
}

/// The code of a function of the extension.
pub type FunctionBody = fn(&Call<'_>, ZvalOut) -> Result<(), Thrown>;

/// One call with its arguments. Positions count from 0.
pub struct Call<'a> {
    frame: *mut zend_execute_data,
    lifetime: PhantomData<&'a ()>,
}

/// Runs `body` for a call from the engine, with at least and at most so many arguments.
///
/// # Safety
/// Both pointers are those that the engine gave to the handler.
#[inline]
pub unsafe fn enter(
    frame: *mut zend_execute_data,
    return_value: *mut zval,
    (least, most): (u32, u32),
    body: FunctionBody,
) {
    let call = Call {
        frame,
        lifetime: PhantomData,
    };
    // SAFETY: by the contract, the place for the return value.
    let ret = unsafe { ZvalOut::new(return_value) };
    let run = || {
        call.arity(least, most)?;
        body(&call, ret)
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) | Ok(Err(Thrown::Pending)) => {}
        Ok(Err(Thrown::Error(error))) => error.throw(),
        Err(_) => {
            ::log::error!("panic in a function of the extension");
            Error::Internal("a panic, see the log".into()).throw();
        }
    }
}

/// Makes the engine's handler for a [`FunctionBody`], which is called with as many arguments as the signature has.
#[macro_export]
macro_rules! handler {
    ($body:path, $signature:literal) => {{
        unsafe extern "C" fn handler(
            frame: *mut ext_php_rs::ffi::zend_execute_data,
            return_value: *mut ext_php_rs::ffi::zval,
        ) {
            const ARITY: (u32, u32) = $crate::zend::arguments::arity($signature);
            // SAFETY: called by the engine with its own pointers.
            unsafe { $crate::zend::arguments::enter(frame, return_value, ARITY, $body) }
        }
        handler
    }};
}

/// The least and the greatest number of arguments in a signature. Optional ones follow the others.
#[must_use]
pub const fn arity(signature: &str) -> (u32, u32) {
    let (mut names, mut defaults) = (0, 0);
    let mut rest = signature.as_bytes();
    while let [byte, behind @ ..] = rest {
        match byte {
            b'$' => names += 1,
            b'=' => defaults += 1,
            _ => {}
        }
        rest = behind;
    }
    (names - defaults, names)
}

impl<'a> Call<'a> {
    /// Throws `ArgumentCountError` unless the number of arguments is within the bounds.
    fn arity(&self, min: u32, max: u32) -> Result<(), Thrown> {
        let given = self.len();
        if given >= min && given <= max {
            return Ok(());
        }
        // SAFETY: throws for the function that is being called.
        unsafe { zend_wrong_parameters_count_error(min, max) };
        Err(Thrown::Pending)
    }

    /// The number of arguments.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        // SAFETY: a live frame.
        unsafe { frame::argument_count(self.frame) }
    }

    /// The object of a method that is not static.
    #[must_use]
    pub fn this(&self) -> *mut zend_object {
        // SAFETY: in such a method, `This` is the object.
        unsafe { (*self.frame).This.value.obj }
    }

    fn slot(&self, position: u32) -> Option<*mut zval> {
        (position < self.len()).then(|| frame::slot(self.frame, position as usize))
    }

    /// An argument without conversion, references followed; `None` if it is missing.
    #[must_use]
    pub fn any(&self, position: u32) -> Option<&'a zval> {
        // SAFETY: a live argument for as long as the call lasts.
        self.slot(position)
            .map(|slot| unsafe { super::value::deref(&*slot) })
    }

    /// Throws `TypeError` for an argument that is not of type `expected`.
    pub fn type_error(&self, position: u32, expected: &CStr) -> Thrown {
        let given = self.any(position).map_or(c"none".as_ptr(), |arg| {
            // SAFETY: a live value; the result is a static string.
            unsafe { ffi::zend_zval_type_name(arg) }
        });
        // SAFETY: three C strings for the two `%s`.
        unsafe {
            ffi::zend_argument_type_error(
                position + 1,
                c"must be of type %s, %s given".as_ptr(),
                expected.as_ptr(),
                given,
            );
        }
        Thrown::Pending
    }

    /// Throws `TypeError` for an array with an element that is not one of `expected`.
    pub fn element_type_error(&self, position: u32, expected: &CStr, element: &zval) -> Thrown {
        // SAFETY: C strings for the two `%s`; a live value.
        unsafe {
            ffi::zend_argument_type_error(
                position + 1,
                c"must contain only %s, %s given".as_ptr(),
                expected.as_ptr(),
                ffi::zend_zval_type_name(element),
            );
        }
        Thrown::Pending
    }

    /// Throws `ValueError` for an argument; `message` follows "Argument #1 ($name) ".
    pub fn value_error(&self, position: u32, message: &CStr) -> Thrown {
        // SAFETY: C strings for the one `%s`.
        unsafe {
            ffi::zend_argument_value_error(position + 1, c"%s".as_ptr(), message.as_ptr());
        }
        Thrown::Pending
    }
}
