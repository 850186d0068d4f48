//! Values of the request in progress (`Worker\scope_set`), released when it ends. On PHP's threads.

use std::collections::BTreeMap;

use super::state;
use crate::{
    thread_state::thread_state,
    zend::{exception, owned::OwnedZval},
};

thread_state! {
    /// Each value with the serial number of its request.
    static VALUES: BTreeMap<Vec<u8>, (u64, OwnedZval)> = BTreeMap::new();
}

/// No request is in progress.
#[derive(Debug, Clone, Copy)]
pub struct OutsideRequest;

/// Sets a value of the request, and returns the one it replaces.
///
/// # Errors
/// [`OutsideRequest`]; `value` is still the caller's.
pub fn set(name: &[u8], value: OwnedZval) -> Result<Option<OwnedZval>, OutsideRequest> {
    if !state::is_in_request() {
        return Err(OutsideRequest);
    }
    let serial = state::serial();
    let before = VALUES.with(|values| values.insert(name.to_vec(), (serial, value)));
    Ok(before.map(|(_, value)| value))
}

/// A value of the request, which stays the scope's.
#[must_use]
pub fn get(name: &[u8]) -> Option<OwnedZval> {
    let (serial, value) = VALUES.with(|values| values.get(name).copied())?;
    (state::is_in_request() && serial == state::serial()).then_some(value)
}

/// Releases all values, which may run PHP code.
pub(super) fn clear() {
    while let Some((_, (_, value))) = VALUES.with(BTreeMap::pop_first) {
        value.release();
        exception::log_and_clear("reset failed");
    }
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub(super) fn thread_shutdown() {
    VALUES.replace(BTreeMap::new());
}
