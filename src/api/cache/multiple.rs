//! Functions that take several keys. On PHP's threads.

use pillion_engine::cache::MAX_KEY;

use super::{
    access::{Store, for_each_key, for_each_key_from, read, store, stored},
    lifetime, local, second,
};
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        hash_table::{self, Key},
        value,
        value_writer::ZvalOut,
    },
};

pub fn get_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let keys = call.array(0)?;
    let cache = engine::current().cache();
    // SAFETY: a live array.
    let (count, positions) = unsafe { hash_table::sizes(keys) };
    let values = ret.array_with_keys(count as usize);
    let rest = cache.map_or(0, |cache| local::fetch_first(cache, keys, values));
    if rest == positions {
        return Ok(());
    }
    // All other keys are checked before the first value is read that may run PHP code.
    for_each_key_from(call, 0, rest, |_, _| Ok(()))?;
    let wanted = second::wanted();
    for_each_key_from(call, 0, rest, |key, element| {
        let mut result = Ok(());
        let fill = |out: ZvalOut| {
            let is_found = cache.map_or(Ok(false), |cache| read(cache, Some(element), key, out));
            match is_found {
                Ok(true) => {}
                Ok(false) => {
                    second::want(key);
                    if let Some(default) = call.any(1) {
                        out.copy(default);
                    }
                }
                Err(thrown) => result = Err(thrown),
            }
        };
        match (Key::of_text(key), value::string(element)) {
            // SAFETY: an element of the argument.
            (Key::Name(_), Some(name)) => unsafe { values.insert_string_key(name, fill) },
            (key, _) => values.insert_with_key(key, fill),
        }
        result
    })?;
    second::read_multiple(wanted, |key, value| {
        values.insert_with_key(Key::of_text(key), |out| value.copy_to(out));
    })
}

pub fn set_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let values = call.array(0)?;
    let lifetime = lifetime::argument(call, 1)?;
    let cache = engine::current().checked_cache();
    let mut result = Ok(cache.is_some());
    hash_table::for_each(values, |key, value| {
        let (Some(cache), Ok(all)) = (cache, &result) else {
            return;
        };
        let all = *all;
        let store = |key: &[u8]| {
            if key.len() > MAX_KEY {
                return Err(call.value_error(0, c"must contain only keys of at most 65536 bytes"));
            }
            store(cache, Store::SetOfMany, key, value, lifetime, &[], Vec::new)
        };
        let stored = match key {
            Key::Name(name) => store(name),
            Key::Index(index) => store(index.to_string().as_bytes()),
        };
        result = stored.map(|stored| stored && all);
    });
    second::store_collected()?;
    ret.bool(result?);
    Ok(())
}

pub fn delete_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    for_each_key(call, 0, |_, _| Ok(()))?;
    let cache = engine::current().checked_cache();
    let mut others = Vec::new();
    for_each_key(call, 0, |key, _| {
        if let Some(cache) = cache {
            let stored = stored(key);
            if second::of(key).is_some() {
                cache.remove_fenced(&stored);
                others.push(stored.into_owned());
            } else {
                cache.delete(&stored);
            }
        }
        Ok(())
    })?;
    if let Some(tier) = engine::current()
        .second_tier()
        .filter(|_| !others.is_empty())
    {
        second::remove(tier, others)?;
    }
    ret.bool(cache.is_some());
    Ok(())
}
