//! A PHP value with a reference that is released by hand: a destructor of Rust's would run where PHP code must not, and
//! PHP may jump over the frame that holds it. Lives until the end of the script at most. Runs on PHP's threads.

use std::mem::MaybeUninit;

use ext_php_rs::ffi::{IS_STRING, IS_STRING_EX, zend_string, zval};

use super::{
    ffi, value,
    value_writer::{ZvalOut, zval_with},
};

/// A value with a reference of its own. Copies share that reference; [`OwnedZval::release`] gives it up for all.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct OwnedZval([u64; 2]);

const _: () = assert!(size_of::<zval>() == size_of::<OwnedZval>());

impl OwnedZval {
    /// Adds a reference to a value.
    #[must_use]
    pub fn new(value: &zval) -> Self {
        Self::with(|out| out.copy(value))
    }

    /// Builds a value.
    #[must_use]
    pub fn with(build: impl FnOnce(ZvalOut)) -> Self {
        Self::from_zval(zval_with(build))
    }

    /// Takes the reference of a value over. Its memory has to have been all zeroes before it was written.
    #[must_use]
    pub fn from_zval(value: MaybeUninit<zval>) -> Self {
        // SAFETY: of the same size, and any bytes are valid.
        Self(unsafe { std::mem::transmute::<MaybeUninit<zval>, [u64; 2]>(value) })
    }

    /// A new string.
    #[must_use]
    pub fn new_string(text: impl AsRef<[u8]>) -> Self {
        Self::with(|out| out.string(text))
    }

    /// Adds a reference to a string.
    ///
    /// # Safety
    /// `text` is a live string.
    #[must_use]
    pub unsafe fn of_string(text: *mut zend_string) -> Self {
        /// `IS_STR_INTERNED`: shared and never released.
        const INTERNED: u32 = 1 << 6;
        // SAFETY: by the contract; a zeroed value is an undefined one.
        unsafe {
            let mut value: zval = MaybeUninit::zeroed().assume_init();
            value.value.str_ = text;
            if (*text).gc.u.type_info & INTERNED == 0 {
                (*text).gc.refcount += 1;
                value.u1.type_info = IS_STRING_EX;
            } else {
                value.u1.type_info = IS_STRING;
            }
            Self(std::mem::transmute::<zval, [u64; 2]>(value))
        }
    }

    /// A pointer to the value, for calls of the engine's that only read it.
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

    /// Takes a value and its reference out of a slot, which is undefined afterwards.
    #[must_use]
    pub fn take(slot: &mut zval) -> Self {
        let nothing = MaybeUninit::<zval>::zeroed();
        // SAFETY: a zeroed value is an undefined one (`IS_UNDEF`).
        let value = std::mem::replace(slot, unsafe { nothing.assume_init() });
        // SAFETY: of the same size, and any bytes are valid.
        Self(unsafe { std::mem::transmute::<zval, [u64; 2]>(value) })
    }

    /// Moves the value and its reference into a slot that is undefined.
    pub fn move_to(self, slot: &mut zval) {
        // SAFETY: of the same size; the reference goes over.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), (&raw mut *slot).cast(), 2) };
    }

    /// Copies the value into a slot that is undefined, with another reference.
    pub fn copy_into(&self, slot: &mut zval) {
        Self::new(self.value()).move_to(slot);
    }

    /// Whether both are the same object, array or string, or the same scalar; equal ones are not enough.
    #[must_use]
    pub fn is_same(&self, other: &zval) -> bool {
        let mine = self.value();
        // SAFETY: the union is read as a number; for null only the type counts.
        unsafe {
            mine.u1.type_info == other.u1.type_info
                && (value::is_null(mine) || mine.value.lval == other.value.lval)
        }
    }

    /// The value itself.
    #[must_use]
    pub fn value(&self) -> &zval {
        // SAFETY: made from a value, with a reference.
        unsafe { &*self.0.as_ptr().cast::<zval>() }
    }

    /// Copies the value to PHP, with another reference.
    pub fn copy_to(&self, out: ZvalOut) {
        out.copy(self.value());
    }

    /// Releases the reference. May run PHP code (a destructor).
    pub fn release(mut self) {
        // SAFETY: the value's own reference; no copy is used afterwards.
        unsafe { ffi::release(self.0.as_mut_ptr().cast()) };
    }
}
