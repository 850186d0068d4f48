//! A second module, `apcu`, with the functions, the class and the settings of APCu, over a space of its own in the
//! shared cache: programs written for APCu run unchanged, and share values between all processes of the host. The
//! extension registers it in its own MINIT, while PHP still starts modules, so PHP starts it next; each MINIT anew.
//! Nothing happens where APCu itself is loaded. On PHP's threads.

mod entry;
mod functions;
mod info;
mod iterator;
mod module;
mod settings;
mod store;

use std::{
    ffi::CStr,
    sync::atomic::{AtomicBool, Ordering},
};

use ext_php_rs::ffi::{E_WARNING, php_error_docref};
use pillion_engine::cache::Cache;

use crate::{
    engine,
    zend::{arguments::Thrown, interrupt},
};

pub use functions::FUNCTIONS;
pub use module::register;

/// Whether the functions store anything in this process: `apc.enabled`, and `apc.enable_cli` on the command line.
static IS_ENABLED: AtomicBool = AtomicBool::new(false);

/// Reads the settings. When the module starts, and anew in a forked process that has its pool's settings.
pub fn configure() {
    IS_ENABLED.store(settings::is_enabled(), Ordering::Relaxed);
}

/// The cache, or `None` if it is off or not available.
#[inline]
fn cache() -> Option<&'static Cache> {
    match IS_ENABLED.load(Ordering::Relaxed) {
        true => engine::current().cache(),
        false => None,
    }
}

/// As [`cache`], for a store or after a miss.
fn checked_cache() -> Option<&'static Cache> {
    match IS_ENABLED.load(Ordering::Relaxed) {
        true => engine::current().checked_cache(),
        false => None,
    }
}

/// Emits a warning of the function that is being called. Runs PHP code: an error handler.
///
/// # Errors
/// The handler has thrown.
fn warn(text: &CStr) -> Result<(), Thrown> {
    // SAFETY: C strings for the one `%s`, on a PHP thread in a call.
    unsafe {
        php_error_docref(
            std::ptr::null(),
            E_WARNING.cast_signed(),
            c"%s".as_ptr(),
            text.as_ptr(),
        );
    }
    match interrupt::is_throwing() {
        true => Err(Thrown::Pending),
        false => Ok(()),
    }
}
