//! Typed arguments. Zend's own parser converts and checks them, so that weak mode, strict types and messages are
//! those of any internal function; ext-php-rs' conversions refuse weak-mode coercion and know no union types.

use std::{ffi::CStr, time::Duration};

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_REFERENCE, zend_is_callable, zend_object, zend_string, zval,
};

use super::{Call, Thrown};
use crate::zend::{ffi, interrupt, owned::OwnedZval, value, value_writer::ZvalOut};

/// `ZEND_PARSE_PARAMS_QUIET`: throws no exception of its own.
const QUIET: i32 = 1 << 1;

impl<'a> Call<'a> {
    /// An `array`.
    ///
    /// # Errors
    /// [`Thrown::Pending`] with PHP's `TypeError`; so below.
    #[inline]
    pub fn array(&self, position: u32) -> Result<&'a HashTable, Thrown> {
        if let Some(table) = self.any(position).and_then(value::table) {
            return Ok(table);
        }
        let mut table: *mut HashTable = std::ptr::null_mut();
        self.parse(position, c"h", &raw mut table)?;
        // SAFETY: parsed: the argument's own table, alive for the call.
        unsafe { table.as_ref() }.ok_or(Thrown::Pending)
    }

    /// A `callable`, as the value that was given.
    pub fn callable(&self, position: u32) -> Result<&'a zval, Thrown> {
        let Some(given) = self.any(position) else {
            return Err(Thrown::Pending);
        };
        // SAFETY: a live value, which the engine only reads; null: its name is not wanted. A closure is always callable.
        let is_callable = unsafe {
            let is_closure =
                |object: *mut zend_object| std::ptr::eq((*object).ce, ffi::zend_ce_closure);
            value::object(given).is_some_and(is_closure)
                || zend_is_callable(
                    std::ptr::from_ref(given).cast_mut(),
                    0,
                    std::ptr::null_mut(),
                )
        };
        if is_callable {
            return Ok(given);
        }
        if !interrupt::is_throwing() {
            // SAFETY: a C string without placeholders.
            unsafe {
                ffi::zend_argument_type_error(position + 1, c"must be a valid callback".as_ptr());
            }
        }
        Err(Thrown::Pending)
    }

    /// A `string`, as bytes.
    pub fn string(&self, position: u32) -> Result<&'a [u8], Thrown> {
        if let Some(text) = self.any(position).and_then(value::bytes) {
            return Ok(text);
        }
        let mut text: *mut zend_string = std::ptr::null_mut();
        self.parse(position, c"S", &raw mut text)?;
        // SAFETY: parsed: the argument's own string, alive for the call.
        unsafe { value::zend_str(text) }.ok_or(Thrown::Pending)
    }

    /// A `?string`; `None` for null or if it is missing.
    pub fn opt_string(&self, position: u32) -> Result<Option<&'a [u8]>, Thrown> {
        if self.slot(position).is_none() {
            return Ok(None);
        }
        let mut text: *mut zend_string = std::ptr::null_mut();
        self.parse(position, c"S!", &raw mut text)?;
        // SAFETY: parsed: the argument's own string, alive for the call; null for null.
        Ok(unsafe { value::zend_str(text) })
    }

    /// An `int`, or `default` if it is missing.
    pub fn int_or(&self, position: u32, default: i64) -> Result<i64, Thrown> {
        let mut number = default;
        if self.slot(position).is_some() {
            self.parse(position, c"l", &raw mut number)?;
        }
        Ok(number)
    }

    /// A `bool`, or `default` if it is missing.
    pub fn bool_or(&self, position: u32, default: bool) -> Result<bool, Thrown> {
        let mut is_true = default;
        if self.slot(position).is_some() {
            self.parse(position, c"b", &raw mut is_true)?;
        }
        Ok(is_true)
    }

    /// An argument without a declared type as a string: converted as `(string)` converts it, in both modes.
    ///
    /// # Errors
    /// [`Thrown::Pending`]: an object has no `__toString`, or that has thrown.
    pub fn converted_string(&self, position: u32) -> Result<&'a [u8], Thrown> {
        if let Some(text) = self.any(position).and_then(value::bytes) {
            return Ok(text);
        }
        let slot = self.slot(position).ok_or(Thrown::Pending)?;
        // SAFETY: the call's own argument, which the engine releases at its end; one by value is no reference.
        unsafe { ffi::_convert_to_string(slot) };
        match interrupt::is_throwing() {
            true => Err(Thrown::Pending),
            false => self
                .any(position)
                .and_then(value::bytes)
                .ok_or(Thrown::Pending),
        }
    }

    /// Assigns to an argument by reference, if it was given. Throws `TypeError` where a typed property refuses it. May
    /// run PHP code: the destructor of the value before.
    pub fn assign_bool(&self, position: u32, value: bool) {
        let Some(slot) = self.slot(position) else {
            return;
        };
        // SAFETY: a live argument; a reference is alive with it, and the union is read under its type. The former value
        // is released once the new one is in its place.
        unsafe {
            if value::type_of(&*slot) != IS_REFERENCE {
                return;
            }
            let reference = (*slot).value.ref_;
            if !(*reference).sources.ptr.is_null() {
                ffi::zend_try_assign_typed_ref_bool(reference, value);
                return;
            }
            let former = OwnedZval::take(&mut (*reference).val);
            ZvalOut::new(&raw mut (*reference).val).bool(value);
            former.release();
        }
    }

    /// A `float`, or `default` if it is missing.
    pub fn float_or(&self, position: u32, default: f64) -> Result<f64, Thrown> {
        let mut number = default;
        if self.slot(position).is_some() {
            self.parse(position, c"d", &raw mut number)?;
        }
        Ok(number)
    }

    /// A `?float` of seconds, not negative and not NaN; `None` for null or if it is missing.
    pub fn opt_seconds(&self, position: u32) -> Result<Option<Duration>, Thrown> {
        let Some(slot) = self.slot(position) else {
            return Ok(None);
        };
        let (mut seconds, mut is_null) = (0f64, false);
        // SAFETY: `d!` writes a float and a bool.
        if !unsafe { parse(0, position, slot, c"d!", &raw mut seconds, &mut is_null) } {
            return Err(Thrown::Pending);
        }
        if is_null {
            return Ok(None);
        }
        self.duration(position, seconds).map(Some)
    }

    fn duration(&self, position: u32, seconds: f64) -> Result<Duration, Thrown> {
        if seconds.is_nan() || seconds < 0.0 {
            return Err(self.value_error(position, c"must be greater than or equal to 0"));
        }
        // More than a duration can hold is as good as no limit.
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// The number of a union with `int|float`, converted from text or a boolean as weak mode does; a value that is none
    /// throws a `TypeError` with the whole union, `expected`.
    ///
    /// # Errors
    /// [`Thrown::Pending`].
    pub fn number(&self, position: u32, expected: &CStr) -> Result<f64, Thrown> {
        let slot = self.slot(position).ok_or(Thrown::Pending)?;
        let mut number = 0f64;
        // SAFETY: `d` writes one float.
        match unsafe { parse(QUIET, position, slot, c"d", &raw mut number, &mut false) } {
            true => Ok(number),
            false => Err(self.type_error(position, expected)),
        }
    }

    /// Whether the argument is an array, without conversion.
    #[must_use]
    pub fn is_array(&self, position: u32) -> bool {
        self.any(position)
            .is_some_and(|arg| value::type_of(arg) == IS_ARRAY)
    }

    /// The `string` of a union; a value that is none throws a `TypeError` with the whole union, `expected`.
    pub fn string_of_union(&self, position: u32, expected: &CStr) -> Result<&'a [u8], Thrown> {
        if let Some(text) = self.any(position).and_then(value::bytes) {
            return Ok(text);
        }
        let Some(slot) = self.slot(position) else {
            return Err(Thrown::Pending);
        };
        let mut text: *mut zend_string = std::ptr::null_mut();
        // SAFETY: `S` writes one pointer to a string that the argument holds.
        let parsed = unsafe { parse(QUIET, position, slot, c"S", &raw mut text, &mut false) };
        // A conversion in PHP code (`__toString`) may have thrown.
        if !parsed && interrupt::is_throwing() {
            return Err(Thrown::Pending);
        }
        // SAFETY: as above; null if parsing failed.
        unsafe { value::zend_str(text) }.ok_or_else(|| self.type_error(position, expected))
    }

    fn parse<T>(&self, position: u32, spec: &CStr, into: *mut T) -> Result<(), Thrown> {
        let slot = self.slot(position).ok_or(Thrown::Pending)?;
        // SAFETY: every caller passes a pointer of the type that its letter names.
        match unsafe { parse(0, position, slot, spec, into, &mut false) } {
            true => Ok(()),
            false => Err(Thrown::Pending),
        }
    }
}

/// An `?int` as an internal function converts it; `None` for null, and without an exception for any other value
/// that is not a number. For arguments of functions that are not ours.
#[must_use]
pub fn int_or_null(argument: &zval) -> Option<i64> {
    if let Some(number) = value::integer(argument) {
        return Some(number);
    }
    let (mut number, mut is_null) = (0i64, false);
    let slot = std::ptr::from_ref(argument).cast_mut();
    // SAFETY: `l!` writes a number and a bool; the value is only read.
    let parsed = unsafe { parse(QUIET, 0, slot, c"l!", &raw mut number, &mut is_null) };
    (parsed && !is_null).then_some(number)
}

/// Zend's parser: `false` if the value is not of the type.
///
/// # Safety
/// The letter of `spec` is that of `into`; only letters of numbers with `!` write to `is_null`.
unsafe fn parse<T>(
    flags: i32,
    position: u32,
    slot: *mut zval,
    spec: &CStr,
    into: *mut T,
    is_null: &mut bool,
) -> bool {
    let is_null = std::ptr::from_mut(is_null);
    // SAFETY: by the contract, and surplus arguments are not read.
    unsafe {
        ffi::zend_parse_parameter(flags, position + 1, slot, spec.as_ptr(), into, is_null) == 0
    }
}
