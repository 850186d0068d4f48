//! A string of the engine's that is made for one call. It has no destructor, because PHP may jump over the
//! frame that holds it; `release` gives it back.

use ext_php_rs::ffi::{ext_php_rs_zend_string_init, ext_php_rs_zend_string_release, zend_string};

/// See the head of the file.
#[derive(Clone, Copy)]
pub struct TempZendString(*mut zend_string);

impl TempZendString {
    /// A copy of the bytes, in memory of the script.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // SAFETY: the bytes are copied before the call returns.
        Self(unsafe { ext_php_rs_zend_string_init(bytes.as_ptr().cast(), bytes.len(), false) })
    }

    /// As the engine takes it.
    #[must_use]
    pub fn as_ptr(self) -> *mut zend_string {
        self.0
    }

    /// Gives it back.
    pub fn release(self) {
        // SAFETY: made by `new`, and nobody uses this copy afterwards.
        unsafe { ext_php_rs_zend_string_release(self.0) };
    }
}
