//! Functions that return futures. On PHP's threads.

use super::access::for_each_key;
use crate::{
    api::arguments,
    engine,
    zend::{
        arguments::{Call, Thrown},
        value_writer::ZvalOut,
    },
};

/// The keys in an argument.
fn keys(call: &Call<'_>) -> Result<Vec<Vec<u8>>, Thrown> {
    let mut keys = Vec::new();
    for_each_key(call, 0, |key, _| {
        keys.push(key.to_vec());
        Ok(())
    })?;
    Ok(keys)
}

pub fn fetch(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let keys = keys(call)?;
    arguments::submit(ret, |completions| {
        engine::current().fetch_cached(keys, completions)
    })
}

pub fn warm(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let keys = keys(call)?;
    arguments::submit(ret, |completions| {
        engine::current().warm_cached(keys, completions)
    })
}

pub fn delete_matching(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let pattern = call.string(0)?.to_vec();
    arguments::submit(ret, |completions| {
        engine::current().delete_cached_matching(pattern, completions)
    })
}
