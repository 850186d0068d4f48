//! `apcu_entry`: the value of a key, or that of a callback, which is stored then. One process calls its callback, the
//! others wait for the value; a process that dies is replaced. On PHP's threads.

use pillion_engine::cache::{Cache, Space};

use super::{
    cache, checked_cache,
    store::{self, Store},
};
use crate::{
    api::cache::{
        access::read_in,
        remember::{self, Turn},
    },
    zend::{
        arguments::{Call, Thrown},
        call,
        owned::OwnedZval,
        value,
        value_writer::ZvalOut,
    },
};

/// A callback that throws leaves no value, and the next process calls its own. It may call `apcu_entry` itself.
pub fn entry(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = call.string(0)?;
    call.callable(1)?;
    let seconds = call.int_or(2, 0)?;
    let Some(cache) = cache() else {
        return Ok(());
    };
    let read = || read_in(cache, Space::Apcu, call.any(0), key, ret);
    if read()? {
        return Ok(());
    }
    let turn = remember::turn(
        cache,
        || begin(cache, key),
        |is_busy| Ok(!is_busy && read()?),
    );
    let Turn::Produce(producer) = turn? else {
        return Ok(());
    };
    let produced = produce(call, key, seconds, ret);
    if let Some(producer) = producer {
        remember::end(producer);
    }
    produced
}

/// Asks for the right to call the callback of a key: apart from that of the same key in `Pillion\\Cache`.
fn begin(cache: &Cache, key: &[u8]) -> pillion_engine::cache::Producing {
    remember::begin_stored(cache, &[b"apcu\0", key].concat())
}

fn produce(call: &Call<'_>, key: &[u8], seconds: i64, ret: ZvalOut) -> Result<(), Thrown> {
    let Some(callback) = call.any(1) else {
        return Err(Thrown::Pending);
    };
    let argument = OwnedZval::new_string(key);
    let function = OwnedZval::new(callback);
    let returned = call::call(&function, &[argument]);
    argument.release();
    function.release();
    let returned = returned?;
    ret.copy(value::deref(returned.value()));
    returned.release();
    if let Some(cache) = checked_cache() {
        store::store(cache, Store::Add, key, ret.value(), seconds)?;
    }
    Ok(())
}
