//! One call from PHP: its arguments, its return value, and what it throws. A panic never crosses
//! into PHP: it is a `StateException` of code 999 there and a line in the log.
//!
//! Functions here are written so that PHP may jump over their frames (a fatal error in an interrupt):
//! what such a frame holds has no destructor that matters.

use std::{
    ffi::CStr,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, zend_execute_data, zend_is_callable, zend_object, zend_string,
    zend_wrong_parameters_count_error, zval,
};
use pillion_engine::Error;

use super::{ffi, value_writer::ZvalOut};
use crate::api::exceptions;

/// Why a call has no value.
pub enum Thrown {
    /// An exception is already on its way in the engine.
    Pending,
    /// One of ours, to be thrown as its class.
    Error(Error),
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a function of the extension is: safe code between a call and its return value.
pub type Body = fn(&Call<'_>, ZvalOut) -> Result<(), Thrown>;

/// The arguments of one call. Positions count from 0.
pub struct Call<'a> {
    execute_data: *mut zend_execute_data,
    frame: PhantomData<&'a ()>,
}

/// Runs `body` for a call from the engine.
///
/// # Safety
/// Both pointers are those that the engine gave to the handler.
#[inline]
pub unsafe fn enter(execute_data: *mut zend_execute_data, return_value: *mut zval, body: Body) {
    let call = Call {
        execute_data,
        frame: PhantomData,
    };
    // SAFETY: by the contract, the place for the return value.
    let ret = unsafe { ZvalOut::new(return_value) };
    match catch_unwind(AssertUnwindSafe(|| body(&call, ret))) {
        Ok(Ok(())) | Ok(Err(Thrown::Pending)) => {}
        Ok(Err(Thrown::Error(error))) => exceptions::throw(&error),
        Err(_) => {
            ::log::error!("panic in a function of the extension");
            exceptions::throw(&Error::Internal("a panic, see the log".into()));
        }
    }
}

/// Makes the engine's handler for a [`Body`].
#[macro_export]
macro_rules! handler {
    ($body:path) => {{
        unsafe extern "C" fn handler(
            execute_data: *mut ext_php_rs::ffi::zend_execute_data,
            return_value: *mut ext_php_rs::ffi::zval,
        ) {
            // SAFETY: called by the engine with its own pointers.
            unsafe { $crate::zend::arguments::enter(execute_data, return_value, $body) }
        }
        handler
    }};
}

impl<'a> Call<'a> {
    /// Throws `ArgumentCountError` unless the number of arguments lies between the two.
    ///
    /// # Errors
    /// [`Thrown::Pending`].
    pub fn arity(&self, least: u32, most: u32) -> Result<(), Thrown> {
        let given = self.len();
        if given >= least && given <= most {
            return Ok(());
        }
        // SAFETY: throws for the function that is being called.
        unsafe { zend_wrong_parameters_count_error(least, most) };
        Err(Thrown::Pending)
    }

    /// How many arguments were given.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        // SAFETY: a live frame; `This.u2` holds the number in a frame.
        unsafe { (*self.execute_data).This.u2.num_args }
    }

    /// The object whose method is called.
    #[must_use]
    pub fn this(&self) -> *mut zend_object {
        // SAFETY: in a method that is not static, `This` is the object.
        unsafe { (*self.execute_data).This.value.obj }
    }

    #[inline]
    fn slot(&self, position: u32) -> *mut zval {
        const FRAME: usize = size_of::<zend_execute_data>().div_ceil(size_of::<zval>());
        // SAFETY: arguments lie behind the frame; callers have checked the count.
        unsafe {
            self.execute_data
                .cast::<zval>()
                .add(FRAME + position as usize)
        }
    }

    fn given(&self, position: u32) -> Option<*mut zval> {
        (position < self.len()).then(|| self.slot(position))
    }

    /// The argument as it is, references followed; `None` where it is missing.
    #[must_use]
    pub fn any(&self, position: u32) -> Option<&'a zval> {
        // SAFETY: a live argument for as long as the call lasts.
        self.given(position)
            .map(|slot| unsafe { super::value::deref(&*slot) })
    }

    /// Throws `TypeError` for an argument.
    pub fn type_error(&self, position: u32, wanted: &CStr) -> Thrown {
        let given = self.any(position).map_or(c"none".as_ptr(), |arg| {
            // SAFETY: a live value; the answer is a static string.
            unsafe { ffi::zend_zval_type_name(arg) }
        });
        // SAFETY: three C strings for the two `%s`.
        unsafe {
            ffi::zend_argument_type_error(
                position + 1,
                c"must be of type %s, %s given".as_ptr(),
                wanted.as_ptr(),
                given,
            );
        }
        Thrown::Pending
    }

    /// Throws `TypeError` for an argument with the wrong kind of elements.
    pub fn element_type_error(&self, position: u32, wanted: &CStr, element: &zval) -> Thrown {
        // SAFETY: C strings for the two `%s`; a live value.
        unsafe {
            ffi::zend_argument_type_error(
                position + 1,
                c"must contain only %s, %s given".as_ptr(),
                wanted.as_ptr(),
                ffi::zend_zval_type_name(element),
            );
        }
        Thrown::Pending
    }

    /// Throws `ValueError` for an argument; the message goes on after "Argument #1 ($name) ".
    pub fn value_error(&self, position: u32, message: &CStr) -> Thrown {
        // SAFETY: C strings for the one `%s`.
        unsafe {
            ffi::zend_argument_value_error(position + 1, c"%s".as_ptr(), message.as_ptr());
        }
        Thrown::Pending
    }

    /// An `array`.
    ///
    /// # Errors
    /// [`Thrown::Pending`] with PHP's `TypeError`; so below.
    pub fn array(&self, position: u32) -> Result<&'a HashTable, Thrown> {
        let mut table: *mut HashTable = std::ptr::null_mut();
        self.parse(position, c"h", (&raw mut table).cast())?;
        // SAFETY: parsed: the argument's own table, alive for the call.
        unsafe { table.as_ref() }.ok_or(Thrown::Pending)
    }

    /// A `callable`, as the value it was given as.
    pub fn callable(&self, position: u32) -> Result<&'a zval, Thrown> {
        let Some(given) = self.any(position) else {
            return Err(Thrown::Pending);
        };
        // SAFETY: a live value; its name is not asked for. The engine only reads it.
        let is_callable = unsafe {
            zend_is_callable(
                std::ptr::from_ref(given).cast_mut(),
                0,
                std::ptr::null_mut(),
            )
        };
        if is_callable {
            return Ok(given);
        }
        if !super::interrupt::is_throwing() {
            // SAFETY: a C string without placeholders.
            unsafe {
                ffi::zend_argument_type_error(position + 1, c"must be a valid callback".as_ptr());
            }
        }
        Err(Thrown::Pending)
    }

    /// A `string`, as bytes.
    pub fn string(&self, position: u32) -> Result<&'a [u8], Thrown> {
        if let Some(text) = self.any(position).and_then(super::value::bytes) {
            return Ok(text);
        }
        let mut text: *mut zend_string = std::ptr::null_mut();
        self.parse(position, c"S", (&raw mut text).cast())?;
        // SAFETY: parsed: the argument's own string, alive for the call.
        unsafe { super::value::zend_str(text) }.ok_or(Thrown::Pending)
    }

    /// A `?string`; missing counts as null.
    pub fn opt_string(&self, position: u32) -> Result<Option<&'a [u8]>, Thrown> {
        if self.given(position).is_none() {
            return Ok(None);
        }
        let mut text: *mut zend_string = std::ptr::null_mut();
        self.parse(position, c"S!", (&raw mut text).cast())?;
        // SAFETY: parsed: the argument's own string, alive for the call; null for null.
        Ok(unsafe { super::value::zend_str(text) })
    }

    /// An `int`, or the default where it is missing.
    pub fn int_or(&self, position: u32, default: i64) -> Result<i64, Thrown> {
        let mut number = default;
        if self.given(position).is_some() {
            self.parse(position, c"l", (&raw mut number).cast())?;
        }
        Ok(number)
    }

    /// A `?float` that is a number of seconds: not negative, not NaN. Missing counts as null.
    pub fn opt_seconds(&self, position: u32) -> Result<Option<std::time::Duration>, Thrown> {
        let Some(slot) = self.given(position) else {
            return Ok(None);
        };
        let (mut seconds, mut is_null) = (0f64, false);
        // SAFETY: `d!` writes a float and a bool.
        let parsed = unsafe {
            ffi::zend_parse_parameter(
                0,
                position + 1,
                slot,
                c"d!".as_ptr(),
                &raw mut seconds,
                &raw mut is_null,
            )
        };
        if parsed != 0 {
            return Err(Thrown::Pending);
        }
        if is_null {
            return Ok(None);
        }
        if seconds.is_nan() || seconds < 0.0 {
            return Err(self.value_error(position, c"must be greater than or equal to 0"));
        }
        // More than the clock can count is as good as for ever.
        Ok(Some(
            std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX),
        ))
    }

    /// Whether the argument is an array, without conversion.
    #[must_use]
    pub fn is_array(&self, position: u32) -> bool {
        self.any(position)
            .is_some_and(|arg| super::value::type_of(arg) == IS_ARRAY)
    }

    /// A `string` where an array would be right too: what is neither is told with both types.
    pub fn string_of_union(&self, position: u32, wanted: &CStr) -> Result<&'a [u8], Thrown> {
        /// `ZEND_PARSE_PARAMS_QUIET`: no exception of its own.
        const QUIET: i32 = 1 << 1;
        if let Some(text) = self.any(position).and_then(super::value::bytes) {
            return Ok(text);
        }
        let Some(slot) = self.given(position) else {
            return Err(Thrown::Pending);
        };
        let mut text: *mut zend_string = std::ptr::null_mut();
        // SAFETY: `S` writes one pointer to a string that the argument holds.
        let parsed = unsafe {
            ffi::zend_parse_parameter(QUIET, position + 1, slot, c"S".as_ptr(), &raw mut text)
        };
        // A conversion in PHP code (`__toString`) may have thrown.
        if parsed != 0 && super::interrupt::is_throwing() {
            return Err(Thrown::Pending);
        }
        // SAFETY: as above; null where parsing failed.
        unsafe { super::value::zend_str(text) }.ok_or_else(|| self.type_error(position, wanted))
    }

    fn parse(&self, position: u32, spec: &CStr, into: *mut std::ffi::c_void) -> Result<(), Thrown> {
        let Some(slot) = self.given(position) else {
            return Err(Thrown::Pending);
        };
        // SAFETY: every caller passes a place of the type that its letter stands for.
        let parsed =
            unsafe { ffi::zend_parse_parameter(0, position + 1, slot, spec.as_ptr(), into) };
        if parsed == 0 {
            Ok(())
        } else {
            Err(Thrown::Pending)
        }
    }
}
