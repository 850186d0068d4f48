//! The time zone of `date_default_timezone_set`. (`date.timezone` is a setting, and told as one.)

use std::ffi::{CStr, c_char};

use ext_php_rs::alloc::{efree, emalloc};

use crate::zend::module;

/// The first two of the date module's globals: the setting's zone, and the one that was set, or null.
#[repr(C)]
struct Globals {
    default_timezone: *mut c_char,
    timezone: *mut c_char,
}

/// What it was.
#[derive(Default)]
pub struct Timezone {
    globals: Option<*mut Globals>,
    /// With its NUL; `None`: the setting's holds.
    was: Option<Vec<u8>>,
}

impl Timezone {
    /// As it is now.
    pub fn now() -> Self {
        let globals = module::globals(c"date").map(<*mut _>::cast);
        let mut now = Self { globals, was: None };
        now.was = now.current().map(|zone| zone.to_bytes_with_nul().to_vec());
        now
    }

    /// Whether it still is.
    pub fn is_same(&self) -> bool {
        self.current().map(CStr::to_bytes_with_nul) == self.was.as_deref()
    }

    /// What it is, for the log.
    pub fn describe(&self) -> String {
        self.current()
            .map(|zone| zone.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn current(&self) -> Option<&CStr> {
        // SAFETY: the module's globals live as long as the thread; null, or a C string.
        unsafe {
            let zone = (*self.globals?).timezone;
            (!zone.is_null()).then(|| CStr::from_ptr(zone))
        }
    }

    /// Sets it to what it was.
    pub fn put_back(&self) {
        let Some(globals) = self.globals else {
            return;
        };
        // SAFETY: as above; the module frees what is there with the script's memory, and so do we.
        unsafe {
            let instead = std::mem::replace(&mut (*globals).timezone, std::ptr::null_mut());
            if !instead.is_null() {
                efree(instead.cast());
            }
            let Some(was) = &self.was else { return };
            let Ok(layout) = std::alloc::Layout::array::<u8>(was.len()) else {
                return;
            };
            let zone = emalloc(layout);
            std::ptr::copy_nonoverlapping(was.as_ptr(), zone, was.len());
            (*globals).timezone = zone.cast();
        }
    }
}
