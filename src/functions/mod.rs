//! The functions that PHP sees, one file a namespace. Thin: convert, call the engine, convert back.

mod artifacts;
mod convert;
mod jobs;
mod sentry;
mod velox;
mod worker;

use crate::zend::signature::{Function, Handler};

/// All functions, with the signatures of the stubs.
#[must_use]
pub fn all() -> Vec<Function> {
    [
        jobs::FUNCTIONS,
        velox::FUNCTIONS,
        artifacts::FUNCTIONS,
        sentry::FUNCTIONS,
        worker::FUNCTIONS,
    ]
    .concat()
}

const fn function(name: &'static str, signature: &'static str, handler: Handler) -> Function {
    Function {
        name,
        signature,
        handler,
        flags: 0,
    }
}
