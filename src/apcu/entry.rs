//! `apcu_entry`: the value of a key, or that of a callback, which is stored then. On PHP's threads.

use pillion_engine::cache::Space;

use super::{
    cache, checked_cache,
    store::{self, Store},
};
use crate::{
    api::cache::access::read_in,
    zend::{
        arguments::{Call, Thrown},
        call,
        owned::OwnedZval,
        value_writer::ZvalOut,
    },
};

/// A callback that throws, or ends the script, leaves no value, and no lock. It may call `apcu_entry` itself.
pub fn entry(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = call.string(0)?;
    let callback = call.callable(1)?;
    let seconds = call.int_or(2, 0)?;
    let Some(cache) = cache() else {
        return Ok(());
    };
    if read_in(cache, Space::Apcu, call.any(0), key, ret)? {
        return Ok(());
    }
    let argument = OwnedZval::new_string(key);
    let function = OwnedZval::new(callback);
    let made = call::call(&function, &[argument]);
    argument.release();
    function.release();
    let value = made?;
    value.copy_to(ret);
    value.release();
    if let Some(cache) = checked_cache() {
        store::store(cache, Store::Add, key, ret.value(), seconds)?;
    }
    Ok(())
}
