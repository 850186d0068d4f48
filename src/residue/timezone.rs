//! The time zone of `date_default_timezone_set`. (`date.timezone` is a setting, and compared as one.)

use std::ffi::{CStr, c_char};

use ext_php_rs::alloc::{efree, emalloc};

use crate::zend::module;

/// The first two fields of the date module's globals: the zone of the setting, and the one that was set, or null.
#[repr(C)]
struct Globals {
    default_timezone: *mut c_char,
    timezone: *mut c_char,
}

/// The time zone of the baseline.
#[derive(Default)]
pub struct Timezone {
    globals: Option<*mut Globals>,
    /// With its NUL; `None` if none was set.
    baseline: Option<Vec<u8>>,
}

impl Timezone {
    /// The current time zone.
    pub fn capture() -> Self {
        let globals = module::globals(c"date").map(<*mut _>::cast);
        let mut zone = Self {
            globals,
            baseline: None,
        };
        zone.baseline = zone.current().map(|zone| zone.to_bytes_with_nul().to_vec());
        zone
    }

    /// Whether the current time zone is that of the baseline.
    pub fn is_unchanged(&self) -> bool {
        self.current().map(CStr::to_bytes_with_nul) == self.baseline.as_deref()
    }

    /// The current time zone for the log; empty if none was set.
    pub fn describe_current(&self) -> String {
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

    /// Restores the time zone of the baseline.
    pub fn restore(&self) {
        let Some(globals) = self.globals else {
            return;
        };
        // SAFETY: as above; the module frees the text with the script's memory, and so do we.
        unsafe {
            let replaced = std::mem::replace(&mut (*globals).timezone, std::ptr::null_mut());
            if !replaced.is_null() {
                efree(replaced.cast());
            }
            let Some(baseline) = &self.baseline else {
                return;
            };
            let Ok(layout) = std::alloc::Layout::array::<u8>(baseline.len()) else {
                return;
            };
            let zone = emalloc(layout);
            std::ptr::copy_nonoverlapping(baseline.as_ptr(), zone, baseline.len());
            (*globals).timezone = zone.cast();
        }
    }
}
