//! What PHP's arguments mean to the engine.

use std::sync::Arc;

use ext_php_rs::ffi::HashTable;
use pillion_engine::{
    Error, Result,
    artifacts::Key,
    engine::Value,
    runtime::{CompletionQueue, Job},
    velox::{Request, Velox},
};

use super::future;
use crate::{
    engine, futures,
    zend::{
        arguments::{Call, Thrown},
        json,
        value_writer::ZvalOut,
    },
};

/// A build request from a PHP array.
///
/// # Errors
/// [`Error::InvalidRequest`] with all that is wrong.
pub fn request(table: &HashTable) -> Result<Request> {
    let tree = json::to_json(table).map_err(Error::InvalidRequest)?;
    Velox::parse_request(&tree)
}

/// A key from a string argument.
///
/// # Errors
/// A `ValueError` for what is no key.
pub fn key(call: &Call<'_>, position: u32) -> Result<Key, Thrown> {
    key_in(call, position, call.string(position)?)
}

/// A key from the text of an argument.
///
/// # Errors
/// As [`key`].
#[inline]
pub fn key_in(call: &Call<'_>, position: u32, text: &[u8]) -> Result<Key, Thrown> {
    Key::parse(text)
        .ok_or_else(|| call.value_error(position, c"must be 16 lower-case hexadecimal digits"))
}

/// Starts a job for this thread and gives its future to PHP.
///
/// # Errors
/// While preloading; or what `start` says.
pub fn submit(
    ret: ZvalOut,
    start: impl FnOnce(Option<Arc<CompletionQueue>>) -> Result<Arc<Job<Value>>>,
) -> Result<(), Thrown> {
    engine::refuse_preloading()?;
    let completions = futures::completions()?;
    future::give(start(Some(completions))?, ret);
    Ok(())
}
