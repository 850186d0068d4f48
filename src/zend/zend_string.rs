//! An engine string for one call. It has no destructor, because PHP may jump over the frame that holds it. Runs on
//! PHP's threads.

use ext_php_rs::ffi::{ext_php_rs_zend_string_init, ext_php_rs_zend_string_release, zend_string};

/// An engine string that is released by hand.
#[derive(Clone, Copy)]
pub struct TempZendString(*mut zend_string);

impl TempZendString {
    /// Copies the bytes into memory of the script.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // SAFETY: the bytes are copied before the call returns.
        Self(unsafe { ext_php_rs_zend_string_init(bytes.as_ptr().cast(), bytes.len(), false) })
    }

    /// The string, for calls of the engine's.
    #[must_use]
    pub fn as_ptr(self) -> *mut zend_string {
        self.0
    }

    /// Releases the string.
    pub fn release(self) {
        // SAFETY: made by `new`; no copy is used afterwards.
        unsafe { ext_php_rs_zend_string_release(self.0) };
    }
}
