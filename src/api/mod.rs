//! The functions and classes that PHP sees: one file for each namespace, one for each class. Thin: convert, call the
//! engine, convert back.

mod arguments;
pub mod artifact;
mod artifacts;
pub mod cache;
pub mod delivery;
pub mod exceptions;
pub mod future;
mod given;
pub mod metrics;
mod root;
mod sentry;
mod velox;
mod worker;

use crate::zend::registration::Function;

/// All functions, with the signatures of the stubs.
#[must_use]
pub fn all() -> Vec<Function> {
    [
        root::FUNCTIONS,
        velox::FUNCTIONS,
        delivery::FUNCTIONS,
        artifacts::FUNCTIONS,
        sentry::FUNCTIONS,
        cache::FUNCTIONS,
        worker::FUNCTIONS,
        metrics::FUNCTIONS,
    ]
    .concat()
}

/// Registers all classes.
///
/// # Safety
/// In MINIT.
pub unsafe fn register_classes() {
    // SAFETY: by the contract.
    unsafe {
        exceptions::register();
        artifact::register();
        future::register();
    }
}
