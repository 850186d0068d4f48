//! Conversion of PHP arguments into the engine's types. On PHP's threads.

use std::sync::Arc;

use ext_php_rs::ffi::HashTable;
use pillion_engine::{
    Error, Result,
    artifacts::Key,
    engine::Value,
    runtime::{CompletionQueue, Job},
    velox::{BuildRequest, ConfigKeys, Configuration, Velox},
};

use super::{future, given::Elements};
use crate::{
    engine, futures,
    zend::{
        arguments::{Call, Thrown},
        json,
        value_writer::ZvalOut,
    },
};

/// Converts a PHP array into a build request.
///
/// # Errors
/// [`Error::InvalidRequest`] with all violations.
pub fn request(table: &HashTable) -> Result<BuildRequest> {
    let tree = json::to_json(table).map_err(Error::InvalidRequest)?;
    Velox::parse_request(&tree)
}

/// Returns the keys of a request in a PHP array.
///
/// # Errors
/// As [`request`].
pub fn keys(table: &HashTable) -> Result<ConfigKeys> {
    match Configuration::read(Elements(table)) {
        Some(configuration) => Ok(ConfigKeys::of(configuration)),
        None => lookup(table).map(|request| ConfigKeys::of(&request)),
    }
}

/// Converts a PHP array into a request that is not sent.
///
/// # Errors
/// As [`request`].
pub fn lookup(table: &HashTable) -> Result<BuildRequest> {
    let tree = json::to_json(table).map_err(Error::InvalidRequest)?;
    Velox::parse_lookup(&tree)
}

/// Converts a string argument into a key.
///
/// # Errors
/// A `ValueError` if it is not a key.
pub fn key(call: &Call<'_>, position: u32) -> Result<Key, Thrown> {
    key_in(call, position, call.string(position)?)
}

/// Converts the text of an argument into a key.
///
/// # Errors
/// As [`key`].
#[inline]
pub fn key_in(call: &Call<'_>, position: u32, text: &[u8]) -> Result<Key, Thrown> {
    Key::parse(text)
        .ok_or_else(|| call.value_error(position, c"must be 16 lower-case hexadecimal digits"))
}

/// Starts a job for this thread and returns its future to PHP.
///
/// # Errors
/// A preload script runs, or `start` has failed.
pub fn submit(
    ret: ZvalOut,
    start: impl FnOnce(Option<Arc<CompletionQueue>>) -> Result<Arc<Job<Value>>>,
) -> Result<(), Thrown> {
    engine::refuse_preloading()?;
    let completions = futures::completions()?;
    future::return_object(start(Some(completions))?, ret);
    Ok(())
}
