//! Namespace `Pillion\Cache`: values that all PHP processes of the host share. A cache that is off or can't be opened
//! is never in the way: reads are misses, stores return false. On PHP's threads.

pub mod codec;
mod lifetime;

use ext_php_rs::ffi::zval;
use pillion_engine::{
    Error,
    cache::{Cache, ChangeError, MAX_KEY, MAX_TAGS, NewValue, Stored, Tag, Ttl, pattern},
    error::Violation,
    uuid,
};

use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        hash_table::{self, Key},
        registration::Function,
        value,
        value_writer::ZvalOut,
    },
};
use codec::Copied;
use lifetime::Lifetime;

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Cache\\";
    "get" "(string $key, mixed $default = null): mixed" => get,
    "get_multiple" "(array $keys, mixed $default = null): array" => get_multiple,
    "set" "(string $key, mixed $value, DateInterval|int|float|null $ttl = null, array $tags = []): bool" => set,
    "set_multiple" "(array $values, DateInterval|int|float|null $ttl = null): bool" => set_multiple,
    "add" "(string $key, mixed $value, DateInterval|int|float|null $ttl = null): bool" => add,
    "has" "(string $key): bool" => has,
    "delete" "(string $key): bool" => delete,
    "delete_multiple" "(array $keys): bool" => delete_multiple,
    "touch" "(string $key, DateInterval|int|float|null $ttl = null): bool" => touch,
    "increment" "(string $key, int $by = 1, DateInterval|int|float|null $ttl = null): int" => increment,
    "keys" "(?string $pattern = null, int $limit = 1000, ?string $after = null): array" => keys,
    "invalidate_tags" "(array $tags): int" => invalidate_tags,
    "lock" "(string $name, float $ttl, ?string $owner = null): ?string" => lock,
    "unlock" "(string $name, string $owner): bool" => unlock,
    "lock_refresh" "(string $name, string $owner, float $ttl): bool" => lock_refresh,
    "lock_owner" "(string $name): ?string" => lock_owner,
    "clear" "(): bool" => clear,
    "stats" "(): array" => stats,
};

/// A key or a name in an argument.
fn key<'a>(call: &Call<'a>, position: u32) -> Result<&'a [u8], Thrown> {
    let key = call.string(position)?;
    if key.len() <= MAX_KEY {
        return Ok(key);
    }
    Err(call.value_error(position, c"must not be longer than 65536 bytes"))
}

/// Reads a value. Returns `false`, and leaves `out` null, if there is none.
#[inline]
fn read(cache: &Cache, key: &[u8], out: ZvalOut) -> Result<bool, Thrown> {
    match cache.get(key, |value| codec::copy(value, out)) {
        Some(Copied::Done) => Ok(true),
        Some(Copied::Buffered(encoding)) => codec::decode_buffer(encoding, out),
        None => {
            out.release();
            Ok(false)
        }
    }
}

fn get(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let is_found = match engine::current().cache() {
        Some(cache) => read(cache, key, ret)?,
        None => false,
    };
    if !is_found {
        engine::current().checked_cache();
        if let Some(default) = call.any(1) {
            ret.copy(default);
        }
    }
    Ok(())
}

/// The keys in an array of them; integers count as text, as PHP converts numeric keys of arrays to integers.
fn for_each_key(
    call: &Call<'_>,
    position: u32,
    mut each: impl FnMut(&[u8], &zval) -> Result<(), Thrown>,
) -> Result<(), Thrown> {
    let keys = call.array(position)?;
    let mut result = Ok(());
    hash_table::for_each(keys, |_, element| {
        if result.is_err() {
            return;
        }
        result = match (value::bytes(element), value::integer(element)) {
            (Some(key), _) if key.len() <= MAX_KEY => each(key, element),
            (Some(_), _) => {
                Err(call.value_error(position, c"must contain only keys of at most 65536 bytes"))
            }
            (None, Some(number)) => each(number.to_string().as_bytes(), element),
            (None, None) => Err(call.element_type_error(position, c"string", element)),
        };
    });
    result
}

fn get_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let cache = engine::current().cache();
    // All keys are checked before the first value is read.
    for_each_key(call, 0, |_, _| Ok(()))?;
    // SAFETY: a live array.
    let count = unsafe { hash_table::sizes(call.array(0)?) }.0;
    let values = ret.array(count as usize);
    for_each_key(call, 0, |key, element| {
        let name = match value::integer(element) {
            Some(number) => Key::Index(number),
            None => hash_table::Key::of_text(key),
        };
        let mut result = Ok(());
        values.insert_with_key(name, |out| {
            let is_found = cache.map_or(Ok(false), |cache| read(cache, key, out));
            match is_found {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(default) = call.any(1) {
                        out.copy(default);
                    }
                }
                Err(thrown) => result = Err(thrown),
            }
        });
        result
    })
}

/// What a store of one value does.
#[derive(Clone, Copy)]
enum Store {
    Set,
    Add,
}

/// Stores a value; a lifetime that is over removes the one that is stored.
fn store(
    cache: &Cache,
    how: Store,
    key: &[u8],
    value: &zval,
    lifetime: Lifetime,
    tags: &[Tag],
) -> Result<bool, Thrown> {
    let Lifetime::Ttl(ttl) = lifetime else {
        if matches!(how, Store::Set) {
            cache.delete(key);
        }
        return Ok(true);
    };
    codec::with_encoded(value, |encoding, bytes| {
        let new = NewValue {
            bytes,
            encoding,
            ttl,
            tags,
        };
        let stored = match how {
            Store::Set => cache.set(key, &new),
            Store::Add => cache.add(key, &new),
        };
        stored == Stored::Yes
    })
}

fn set(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let Some(value) = call.any(1) else {
        return Err(Thrown::Pending);
    };
    let lifetime = lifetime::argument(call, 2)?;
    let engine = engine::current();
    let Some(cache) = engine.checked_cache() else {
        ret.bool(false);
        return Ok(());
    };
    let (tags, count) = match call.len() {
        4 => tags(call, 3, cache)?,
        _ => ([cache.tag(b""); MAX_TAGS], 0),
    };
    let tags = tags.get(..count).unwrap_or_default();
    ret.bool(store(cache, Store::Set, key, value, lifetime, tags)?);
    Ok(())
}

/// The tags in an argument, with their versions.
fn tags(call: &Call<'_>, position: u32, cache: &Cache) -> Result<([Tag; MAX_TAGS], usize), Thrown> {
    let mut tags = [cache.tag(b""); MAX_TAGS];
    let mut count = 0;
    for_each_key(call, position, |name, _| {
        match tags.get_mut(count) {
            Some(tag) => *tag = cache.tag(name),
            None => return Err(call.value_error(position, c"must have at most 8 elements")),
        }
        count += 1;
        Ok(())
    })?;
    Ok((tags, count))
}

fn set_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
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
            store(cache, Store::Set, key, value, lifetime, &[])
        };
        let stored = match key {
            Key::Name(name) => store(name),
            Key::Index(index) => store(index.to_string().as_bytes()),
        };
        result = stored.map(|stored| stored && all);
    });
    ret.bool(result?);
    Ok(())
}

fn add(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let Some(value) = call.any(1) else {
        return Err(Thrown::Pending);
    };
    let lifetime = lifetime::argument(call, 2)?;
    let added = match engine::current().checked_cache() {
        Some(cache) => store(cache, Store::Add, key, value, lifetime, &[])?,
        None => false,
    };
    ret.bool(added);
    Ok(())
}

fn has(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let cache = engine::current().cache();
    ret.bool(cache.is_some_and(|cache| cache.has(key)));
    Ok(())
}

fn delete(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| cache.delete(key)));
    Ok(())
}

fn delete_multiple(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    for_each_key(call, 0, |_, _| Ok(()))?;
    let cache = engine::current().checked_cache();
    for_each_key(call, 0, |key, _| {
        if let Some(cache) = cache {
            cache.delete(key);
        }
        Ok(())
    })?;
    ret.bool(cache.is_some());
    Ok(())
}

fn touch(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let lifetime = lifetime::argument(call, 1)?;
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| match lifetime {
        Lifetime::Ttl(ttl) => cache.touch(key, ttl),
        Lifetime::Over => cache.delete(key),
    }));
    Ok(())
}

fn increment(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let by = call.int_or(1, 1)?;
    let lifetime = lifetime::argument(call, 2)?;
    let mut sum = by;
    let (Some(cache), Lifetime::Ttl(ttl)) = (engine::current().checked_cache(), lifetime) else {
        ret.int(by);
        return Ok(());
    };
    let changed = cache.change(key, ttl, |current| {
        let number = match current {
            None => 0,
            Some((codec::INT, bytes)) => {
                i64::from_le_bytes(bytes.try_into().map_err(|_| "another value")?)
            }
            Some(_) => return Err("another value"),
        };
        sum = number
            .checked_add(by)
            .ok_or("a number beyond the range of int")?;
        Ok((codec::INT, sum.to_le_bytes().to_vec()))
    });
    match changed {
        Ok(()) | Err(ChangeError::Refused) => {
            ret.int(sum);
            Ok(())
        }
        Err(ChangeError::Rejected(found)) => Err(Error::InvalidRequest(vec![Violation {
            field: "key".into(),
            message: format!("found {found}; expected an int that can be increased"),
        }])
        .into()),
    }
}

fn keys(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let pattern = call.opt_string(0)?;
    let limit = usize::try_from(call.int_or(1, 1000)?)
        .ok()
        .filter(|limit| (1..=100_000).contains(limit))
        .ok_or_else(|| call.value_error(1, c"must be between 1 and 100000"))?;
    let after = call.opt_string(2)?;
    let list = ret.array(0);
    let mut count = 0;
    if let Some(cache) = engine::current().cache() {
        cache.for_each_key(after, |key| {
            if pattern.is_none_or(|pattern| pattern::matches(pattern, &key)) {
                list.push(|out| out.string(&key));
                count += 1;
            }
            count < limit
        });
    }
    Ok(())
}

fn invalidate_tags(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    for_each_key(call, 0, |_, _| Ok(()))?;
    let mut count = 0;
    let cache = engine::current().checked_cache();
    for_each_key(call, 0, |tag, _| {
        if let Some(cache) = cache {
            cache.invalidate_tag(tag);
            count += 1;
        }
        Ok(())
    })?;
    ret.int(count);
    Ok(())
}

/// The lease in an argument.
fn lease(call: &Call<'_>, position: u32) -> Result<Ttl, Thrown> {
    match call.opt_seconds(position)? {
        Some(lease) if !lease.is_zero() => Ok(Ttl::For(lease)),
        _ => Err(call.value_error(position, c"must be greater than 0")),
    }
}

fn lock(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = key(call, 0)?;
    let lease = lease(call, 1)?;
    let given = call.opt_string(2)?;
    let Some(cache) = engine::current().checked_cache() else {
        return Ok(());
    };
    let token = uuid::v4()?.simple().to_string();
    let owner = given.unwrap_or(token.as_bytes());
    if cache.lock(name, owner, lease).is_some() {
        ret.string(owner);
    }
    Ok(())
}

fn unlock(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| cache.unlock(name, owner)));
    Ok(())
}

fn lock_refresh(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (name, owner) = (key(call, 0)?, call.string(1)?);
    let lease = lease(call, 2)?;
    let cache = engine::current().checked_cache();
    ret.bool(cache.is_some_and(|cache| cache.refresh_lock(name, owner, lease)));
    Ok(())
}

fn lock_owner(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = key(call, 0)?;
    let held = engine::current()
        .cache()
        .and_then(|cache| cache.held_lock(name));
    if let Some(held) = held {
        ret.string(held.owner);
    }
    Ok(())
}

fn clear(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let cache = engine::current().checked_cache();
    if let Some(cache) = cache {
        cache.clear();
    }
    ret.bool(cache.is_some());
    Ok(())
}

fn stats(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&engine::current().cache_stats());
    Ok(())
}
