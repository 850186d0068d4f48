//! Zend's observer of calls, as php-src's `Zend/zend_observer.h` declares it.

use ext_php_rs::ffi::{zend_execute_data, zval};

/// What is called for one function, from then on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Handlers {
    /// Before its first instruction.
    pub begin: Option<unsafe extern "C" fn(*mut zend_execute_data)>,
    /// When it has returned; the value is null where it has not, but was left.
    pub end: Option<unsafe extern "C" fn(*mut zend_execute_data, *mut zval)>,
}

/// Not observed.
pub const NONE: Handlers = Handlers {
    begin: None,
    end: None,
};

/// Says which functions are observed.
pub type Init = unsafe extern "C" fn(*mut zend_execute_data) -> Handlers;

unsafe extern "C" {
    fn zend_observer_fcall_register(init: Init);
}

/// Registers an observer. In MINIT.
pub fn register(init: Init) {
    // SAFETY: MINIT; the function lives as long as the process, since the library is never unloaded.
    unsafe { zend_observer_fcall_register(init) };
}
