//! The argument `$ttl`: null for the default lifetime, seconds, or a `DateInterval`. On PHP's threads.

use std::time::Duration;

use ext_php_rs::ffi::{IS_DOUBLE, IS_FALSE, IS_LONG, IS_STRING, IS_TRUE, instanceof_function_slow};
use pillion_engine::cache::Ttl;

use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        call, ffi,
        owned::OwnedZval,
        value,
    },
};

const EXPECTED: &std::ffi::CStr = c"DateInterval|int|float|null";

/// How long a value stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the policy of the key says, else the default lifetime.
    Default,
    /// So long.
    Ttl(Ttl),
    /// Not at all: it was zero or negative.
    Over,
}

impl Lifetime {
    /// The lifetime of a value of `key`; `None` if it is over.
    pub fn of(self, key: &[u8]) -> Option<Ttl> {
        match self {
            Self::Default => Some(engine::current().default_ttl(key)),
            Self::Ttl(ttl) => Some(ttl),
            Self::Over => None,
        }
    }
}

/// The argument, or the default lifetime if it is null or missing.
///
/// # Errors
/// Another type; a number that is NaN.
pub fn argument(call: &Call<'_>, position: u32) -> Result<Lifetime, Thrown> {
    let Some(given) = call.any(position).filter(|value| !value::is_null(value)) else {
        return Ok(Lifetime::Default);
    };
    // SAFETY: each union field is read under the type that it belongs to.
    let seconds = unsafe {
        match value::type_of(given) {
            IS_LONG => given.value.lval as f64,
            IS_DOUBLE => given.value.dval,
            // As an internal function with such a union converts them.
            IS_STRING | IS_TRUE | IS_FALSE => call.number(position, EXPECTED)?,
            _ => interval(call, position, given)?,
        }
    };
    if seconds.is_nan() {
        return Err(call.value_error(position, c"must be a number"));
    }
    if seconds <= 0.0 {
        return Ok(Lifetime::Over);
    }
    // More than a duration can hold is as good as for ever.
    Ok(Lifetime::Ttl(
        Duration::try_from_secs_f64(seconds).map_or(Ttl::Forever, Ttl::For),
    ))
}

/// Checks the type of the argument, as far as that is cheaper than [`argument`].
///
/// # Errors
/// As [`argument`].
#[inline]
pub fn check(call: &Call<'_>, position: u32) -> Result<(), Thrown> {
    match call.any(position) {
        None => Ok(()),
        Some(given) if value::is_null(given) || value::type_of(given) == IS_LONG => Ok(()),
        Some(given) if is_interval(given) => Ok(()),
        Some(_) => argument(call, position).map(|_| ()),
    }
}

fn is_interval(given: &ext_php_rs::ffi::zval) -> bool {
    value::object(given).is_some_and(|object| {
        // SAFETY: a live object, and PHP's own class.
        unsafe {
            let (class, interval) = ((*object).ce, ffi::php_date_get_interval_ce());
            std::ptr::eq(class, interval) || instanceof_function_slow(class, interval)
        }
    })
}

/// The seconds of an interval, from now on: months and years differ in length.
fn interval(call: &Call<'_>, position: u32, given: &ext_php_rs::ffi::zval) -> Result<f64, Thrown> {
    if !is_interval(given) {
        return Err(call.type_error(position, EXPECTED));
    }
    let Some(class) = call::class("DateTimeImmutable")? else {
        return Err(Thrown::Pending);
    };
    let now = call::new(class, &[])?;
    let argument = OwnedZval::new(given);
    let added = call::method(&now, "add", &[argument]);
    argument.release();
    let result = added.and_then(|later| {
        let seconds = timestamp(&later).and_then(|later| Ok(later - timestamp(&now)?));
        later.release();
        seconds
    });
    now.release();
    result
}

fn timestamp(time: &OwnedZval) -> Result<f64, Thrown> {
    let format = OwnedZval::new_string("U.u");
    let text = call::method(time, "format", &[format]);
    format.release();
    let text = text?;
    let seconds = value::bytes(text.value())
        .and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse().ok())
        .unwrap_or(0.0);
    text.release();
    Ok(seconds)
}
