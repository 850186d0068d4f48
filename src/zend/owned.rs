//! A PHP value that is kept beyond the call it came with, until the end of the script at most. It holds a
//! reference, and gives it back only when told to: a destructor of Rust's would run where PHP code must not.

use std::mem::MaybeUninit;

use ext_php_rs::ffi::{_call_user_function_impl, zend_string, zval};

use super::{
    ffi, value,
    value_writer::{ZvalOut, zval_with},
};

/// See the head of the file.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct OwnedZval([u64; 2]);

const _: () = assert!(size_of::<zval>() == size_of::<OwnedZval>());

impl OwnedZval {
    /// Takes a reference to a value.
    #[must_use]
    pub fn new(value: &zval) -> Self {
        Self::with(|out| out.copy(value))
    }

    /// Builds a value.
    #[must_use]
    pub fn with(build: impl FnOnce(ZvalOut)) -> Self {
        Self::from_zval(zval_with(build))
    }

    /// A value whose reference goes over; its place has to have been all zeroes before it was filled.
    #[must_use]
    pub fn from_zval(value: MaybeUninit<zval>) -> Self {
        // SAFETY: of the same size, and any bytes are good ones.
        Self(unsafe { std::mem::transmute::<MaybeUninit<zval>, [u64; 2]>(value) })
    }

    /// A string.
    #[must_use]
    pub fn new_string(text: &str) -> Self {
        Self::with(|out| out.string(text))
    }

    /// The value's place, for calls of the engine's that only read it.
    #[must_use]
    pub fn as_ptr(&self) -> *mut zval {
        self.0.as_ptr().cast::<zval>().cast_mut()
    }

    /// The string of a value that was made by [`Self::new_string`].
    #[must_use]
    pub fn zend_string(&self) -> *mut zend_string {
        // SAFETY: by the contract.
        unsafe { self.value().value.str_ }
    }

    /// Takes what stands in a place, which holds nothing afterwards.
    #[must_use]
    pub fn take(place: &mut zval) -> Self {
        let nothing = MaybeUninit::<zval>::zeroed();
        // SAFETY: a zeroed value is one that holds nothing (`IS_UNDEF`).
        let value = std::mem::replace(place, unsafe { nothing.assume_init() });
        // SAFETY: of the same size, and any bytes are good ones.
        Self(unsafe { std::mem::transmute::<zval, [u64; 2]>(value) })
    }

    /// Puts it into a place that holds nothing, its reference included.
    pub fn move_to(self, place: &mut zval) {
        // SAFETY: of the same size; the reference goes over.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), (&raw mut *place).cast(), 2) };
    }

    /// Puts the same value once more into a place that holds nothing.
    pub fn copy_into(&self, place: &mut zval) {
        Self::new(self.value()).move_to(place);
    }

    /// Whether it is the very same value: the same object, array or string, and not an equal one.
    #[must_use]
    pub fn is_same(&self, other: &zval) -> bool {
        let mine = self.value();
        // SAFETY: the union is looked at as a number; where there is nothing, only the type counts.
        unsafe {
            mine.u1.type_info == other.u1.type_info
                && (value::is_null(mine) || mine.value.lval == other.value.lval)
        }
    }

    /// The value itself.
    #[must_use]
    pub fn value(&self) -> &zval {
        // SAFETY: made from a value, to which a reference is held.
        unsafe { &*self.0.as_ptr().cast::<zval>() }
    }

    /// The same value once more.
    pub fn copy_to(&self, out: ZvalOut) {
        out.copy(self.value());
    }

    /// Gives the reference back. May run PHP code (a destructor).
    pub fn release(mut self) {
        // SAFETY: the reference that `new` has taken; nobody uses this copy afterwards.
        unsafe { ffi::release(self.0.as_mut_ptr().cast()) };
    }

    /// Calls the value, which is callable, and drops what it returns. PHP code runs: it may throw, and PHP
    /// may jump over the frames above.
    pub fn call(&self) {
        let mut callable = zval_with(|out| self.copy_to(out));
        let mut returned = MaybeUninit::<zval>::zeroed();
        // SAFETY: on a PHP thread in a request; a live callable, and a place for what it returns.
        unsafe {
            _call_user_function_impl(
                std::ptr::null_mut(),
                callable.as_mut_ptr(),
                returned.as_mut_ptr(),
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            );
            ffi::release(returned.as_mut_ptr());
            ffi::release(callable.as_mut_ptr());
        }
    }
}
