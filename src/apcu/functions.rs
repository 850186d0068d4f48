//! APCu's functions, with its signatures, results and warnings. On PHP's threads.

use ext_php_rs::ffi::zval;
use pillion_engine::cache::{Cache, Space, encoding};

use super::{
    cache, checked_cache, entry, info, iterator,
    store::{self, Store, lifetime},
    warn,
};
use crate::{
    api::cache::access::read_in,
    functions,
    zend::{
        arguments::{Call, Thrown},
        hash_table::{self, Key},
        owned::OwnedZval,
        registration::Function,
        value,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "";
    "apcu_clear_cache" "(): bool" => clear_cache,
    "apcu_cache_info" "(bool $limited = false): array|false" => info::cache_info,
    "apcu_key_info" "(string $key): ?array" => info::key_info,
    "apcu_sma_info" "(bool $limited = false): array|false" => info::sma_info,
    "apcu_enabled" "(): bool" => enabled,
    "apcu_store" "($key, mixed $value = UNKNOWN, int $ttl = 0): array|bool" => set,
    "apcu_add" "($key, mixed $value = UNKNOWN, int $ttl = 0): array|bool" => add,
    "apcu_inc" "(string $key, int $step = 1, &$success = null, int $ttl = 0): int|false" => increase,
    "apcu_dec" "(string $key, int $step = 1, &$success = null, int $ttl = 0): int|false" => decrease,
    "apcu_cas" "(string $key, int $old, int $new): bool" => compare_and_swap,
    "apcu_fetch" "($key, &$success = null): mixed" => fetch,
    "apcu_exists" "($key): array|bool" => exists,
    "apcu_delete" "($key): array|bool" => delete,
    "apcu_entry" "(string $key, callable $callback, int $ttl = 0): mixed" => entry::entry,
};

fn clear_cache(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if let Some(cache) = checked_cache() {
        cache.clear_in(Space::Apcu);
    }
    ret.bool(true);
    Ok(())
}

fn enabled(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.bool(checked_cache().is_some());
    Ok(())
}

fn set(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    store_any(call, ret, Store::Set)
}

fn add(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    store_any(call, ret, Store::Add)
}

/// Stores the value of a key, or all values of an array, of which the keys that were not stored are returned.
fn store_any(call: &Call<'_>, ret: ZvalOut, how: Store) -> Result<(), Thrown> {
    let seconds = call.int_or(2, 0)?;
    let cache = checked_cache();
    let store_one = |key: &[u8], value: &zval| match cache {
        Some(cache) => store::store(cache, how, key, value, seconds),
        None => Ok(false),
    };
    if call.is_array(0) {
        let failed = ret.array(0);
        let mut result = Ok(());
        hash_table::for_each(call.array(0)?, |key, value| {
            if result.is_err() {
                return;
            }
            let stored = match key {
                Key::Name(name) => store_one(name, value),
                Key::Index(number) => store_one(number.to_string().as_bytes(), value),
            };
            match stored {
                Ok(true) => {}
                Ok(false) => failed.insert_with_key(key, |out| out.int(-1)),
                Err(thrown) => result = Err(thrown),
            }
        });
        return result;
    }
    match (call.any(0).and_then(value::bytes), call.any(1)) {
        (Some(key), Some(value)) => ret.bool(store_one(key, value)?),
        (Some(_), None) => ret.bool(false),
        (None, _) => {
            warn(
                c"apc_store expects key parameter to be a string or an array of key/value pairs.",
            )?;
            ret.bool(false);
        }
    }
    Ok(())
}

fn increase(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let step = call.int_or(1, 1)?;
    add_to(call, ret, step)
}

fn decrease(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let step = call.int_or(1, 1)?;
    add_to(call, ret, step.wrapping_neg())
}

/// Adds to an integer, atomically; a key without a value begins at 0. The sum wraps around, as APCu's.
fn add_to(call: &Call<'_>, ret: ZvalOut, step: i64) -> Result<(), Thrown> {
    let key = call.string(0)?;
    let ttl = lifetime(call.int_or(3, 0)?);
    let mut sum = 0;
    let changed = change(key, ttl, |current| {
        sum = current.unwrap_or(0).wrapping_add(step);
        Some(sum)
    });
    call.assign_bool(2, changed);
    match changed {
        true => ret.int(sum),
        false => ret.bool(false),
    }
    Ok(())
}

fn compare_and_swap(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = call.string(0)?;
    let (old, new) = (call.int_or(1, 0)?, call.int_or(2, 0)?);
    let swapped = change(key, lifetime(0), |current| {
        (current == Some(old)).then_some(new)
    });
    ret.bool(swapped);
    Ok(())
}

/// Changes an integer atomically. Returns `false` if the value is none, if `change` returns none, or without memory.
fn change(
    key: &[u8],
    ttl: pillion_engine::cache::Ttl,
    mut change: impl FnMut(Option<i64>) -> Option<i64>,
) -> bool {
    let Some(cache) = checked_cache() else {
        return false;
    };
    let changed = cache.change_in(Space::Apcu, key, ttl, |current| {
        let number = match current {
            None => None,
            Some((encoding::INT, bytes)) => {
                Some(i64::from_le_bytes(bytes.try_into().map_err(|_| ())?))
            }
            Some(_) => return Err(()),
        };
        let number = change(number).ok_or(())?;
        Ok((encoding::INT, number.to_le_bytes().to_vec()))
    });
    changed.is_ok()
}

fn fetch(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let is_found = if call.is_array(0) {
        fetch_all(call, ret)?;
        true
    } else {
        let key = call.converted_string(0)?;
        let is_found = match cache() {
            Some(cache) => read_in(cache, Space::Apcu, call.any(0), key, ret)?,
            None => false,
        };
        if !is_found {
            checked_cache();
            ret.bool(false);
        }
        is_found
    };
    call.assign_bool(1, is_found);
    Ok(())
}

/// The values of an array of keys, without those that have none.
fn fetch_all(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let values = ret.array(0);
    for_each_key(
        call,
        c"apc_fetch() expects a string or array of strings.",
        |cache, key, element| {
            let mut result = Ok(false);
            let value = OwnedZval::with(|out| {
                result = read_in(cache, Space::Apcu, Some(element), key, out)
            });
            if matches!(result, Ok(true)) {
                values.insert_with_key(Key::Name(key), |out| value.copy_to(out));
            }
            value.release();
            result.map(|_| ())
        },
    )
}

fn exists(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if !call.is_array(0) {
        let key = call.converted_string(0)?;
        ret.bool(cache().is_some_and(|cache| cache.has_in(Space::Apcu, key)));
        return Ok(());
    }
    let found = ret.array(0);
    for_each_key(
        call,
        c"apc_exists() expects a string or array of strings.",
        |cache, key, _| {
            if cache.has_in(Space::Apcu, key) {
                found.insert_with_key(Key::Name(key), |out| out.bool(true));
            }
            Ok(())
        },
    )
}

/// Calls `each` with the strings of an array of keys, if there is a cache; warns of other elements.
fn for_each_key(
    call: &Call<'_>,
    expected: &std::ffi::CStr,
    mut each: impl FnMut(&Cache, &[u8], &zval) -> Result<(), Thrown>,
) -> Result<(), Thrown> {
    let cache = cache();
    let mut result = Ok(());
    hash_table::for_each(call.array(0)?, |_, element| {
        if result.is_err() {
            return;
        }
        match (value::bytes(element), cache) {
            (Some(key), Some(cache)) => result = each(cache, key, element),
            (Some(_), None) => {}
            (None, _) => result = warn(expected),
        }
    });
    result
}

fn delete(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    const EXPECTED: &std::ffi::CStr =
        c"apc_delete() expects a string, array of strings, or APCIterator instance";
    let cache = checked_cache();
    let delete_one = |key: &[u8]| cache.is_some_and(|cache| cache.delete_in(Space::Apcu, key));
    let Some(given) = call.any(0) else {
        return Err(Thrown::Pending);
    };
    if let Some(key) = value::bytes(given) {
        ret.bool(delete_one(key));
    } else if call.is_array(0) {
        let failed = ret.array(0);
        let mut result = Ok(());
        hash_table::for_each(call.array(0)?, |_, element| {
            if result.is_err() {
                return;
            }
            let key = value::bytes(element);
            if key.is_none() {
                result = warn(EXPECTED);
            }
            if !key.is_some_and(delete_one) {
                failed.push(|out| out.copy(element));
            }
        });
        return result;
    } else if let Some(object) = value::object(given) {
        ret.bool(iterator::delete(object)?);
    } else {
        warn(EXPECTED)?;
        ret.bool(false);
    }
    Ok(())
}
