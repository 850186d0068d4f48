//! The classes that PHP sees: the future, the artifact, and the exceptions. Registered in MINIT.

pub mod artifact;
pub mod exceptions;
pub mod future;

/// Registers all classes.
///
/// # Safety
/// In MINIT.
pub unsafe fn register() {
    // SAFETY: passed on to the caller.
    unsafe {
        exceptions::register();
        artifact::register();
        future::register();
    }
}
