//! Namespace `Pillion\Cache`: values that all PHP processes of the host share. A cache that is off or can't be opened
//! is never in the way: reads are misses, stores return false. On PHP's threads.

pub mod access;
pub mod codec;
mod increment;
mod jobs;
mod lifetime;
pub mod local;
mod locks;
mod multiple;
pub mod remember;
pub mod second;

use std::sync::Arc;

use pillion_engine::cache::{Cache, MAX_TAGS, Tag, pattern};

use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        registration::Function,
        value_writer::ZvalOut,
    },
};
use access::{Store, for_each_key, key, read, store, stored};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Cache\\";
    "get" "(string $key, mixed $default = null): mixed" => get,
    "get_multiple" "(array $keys, mixed $default = null): array" => multiple::get_multiple,
    "set" "(string $key, mixed $value, DateInterval|int|float|null $ttl = null, array $tags = []): bool" => set,
    "set_multiple" "(array $values, DateInterval|int|float|null $ttl = null): bool" => multiple::set_multiple,
    "add" "(string $key, mixed $value, DateInterval|int|float|null $ttl = null): bool" => add,
    "has" "(string $key): bool" => has,
    "delete" "(string $key): bool" => delete,
    "delete_multiple" "(array $keys): bool" => multiple::delete_multiple,
    "touch" "(string $key, DateInterval|int|float|null $ttl = null): bool" => touch,
    "increment" "(string $key, int $by = 1, DateInterval|int|float|null $ttl = null): int" => increment::increment,
    "remember" "(string $key, callable $producer, DateInterval|int|float|null $ttl = null, float $beta = 1.0, ?float $stale = null): mixed" => remember::remember,
    "fetch" "(array $keys): Pillion\\Future" => jobs::fetch,
    "warm" "(array $keys): Pillion\\Future" => jobs::warm,
    "delete_matching" "(string $pattern): Pillion\\Future" => jobs::delete_matching,
    "keys" "(?string $pattern = null, int $limit = 1000, ?string $after = null): array" => keys,
    "invalidate_tags" "(array $tags): int" => invalidate_tags,
    "lock" "(string $name, float $ttl, ?string $owner = null): ?string" => locks::lock,
    "unlock" "(string $name, string $owner): bool" => locks::unlock,
    "lock_refresh" "(string $name, string $owner, float $ttl): bool" => locks::lock_refresh,
    "lock_owner" "(string $name): ?string" => locks::lock_owner,
    "clear" "(): bool" => clear,
    "stats" "(): array" => stats,
};

fn get(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let is_found = match engine::current().cache() {
        Some(cache) => read(cache, call.any(0), key, ret)?,
        None => false,
    };
    if !is_found {
        engine::current().checked_cache();
        if second::read(key, ret)? {
            return Ok(());
        }
        if let Some(default) = call.any(1) {
            ret.copy(default);
        }
    }
    Ok(())
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
        _ => ([Tag::default(); MAX_TAGS], 0),
    };
    let tags = tags.get(..count).unwrap_or_default();
    let names = || tag_names(call, 3);
    ret.bool(store(cache, Store::Set, key, value, lifetime, tags, names)?);
    Ok(())
}

/// The names of tags in an argument, which were checked.
fn tag_names(call: &Call<'_>, position: u32) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    if call.len() > position {
        let _ = for_each_key(call, position, |name, _| {
            names.push(name.to_vec());
            Ok(())
        });
    }
    names
}

/// The tags in an argument, with their versions.
fn tags(call: &Call<'_>, position: u32, cache: &Cache) -> Result<([Tag; MAX_TAGS], usize), Thrown> {
    let mut tags = [Tag::default(); MAX_TAGS];
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

fn add(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let Some(value) = call.any(1) else {
        return Err(Thrown::Pending);
    };
    let lifetime = lifetime::argument(call, 2)?;
    let added = match engine::current().checked_cache() {
        Some(cache) => store(cache, Store::Add, key, value, lifetime, &[], Vec::new)?,
        None => false,
    };
    ret.bool(added);
    Ok(())
}

fn has(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let cache = engine::current().cache();
    let is_first = cache.is_some_and(|cache| cache.has(&stored(key)));
    ret.bool(is_first || second::has(key)?);
    Ok(())
}

fn delete(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let deleted = match engine::current().checked_cache() {
        Some(cache) => access::delete(cache, key)?,
        None => false,
    };
    ret.bool(deleted);
    Ok(())
}

fn touch(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = key(call, 0)?;
    let lifetime = lifetime::argument(call, 1)?;
    ret.bool(false);
    let Some(cache) = engine::current().checked_cache() else {
        return Ok(());
    };
    let Some(ttl) = lifetime.of(key) else {
        ret.bool(access::delete(cache, key)?);
        return Ok(());
    };
    let mut is_touched = cache.touch(&stored(key), ttl);
    if let Some((tier, _)) = second::for_store(key) {
        let (writer, stored) = (Arc::clone(tier), stored(key).into_owned());
        let touched = second::run(tier, async move { writer.touch(stored, ttl).await })?;
        is_touched |= matches!(touched, Some(Ok(true)));
    }
    ret.bool(is_touched);
    Ok(())
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
    if let Some(tier) = engine::current().second_tier() {
        let (writer, names) = (Arc::clone(tier), tag_names(call, 0));
        second::run_change(tier, async move { writer.invalidate_tags(names).await })?;
    }
    ret.int(count);
    Ok(())
}

fn clear(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let cache = engine::current().checked_cache();
    if let Some(cache) = cache {
        cache.clear();
    }
    let is_cleared = match engine::current().second_tier_to_clear() {
        Ok(Some(tier)) => {
            let writer = Arc::clone(tier);
            second::run_change(tier, async move { writer.clear().await })?;
            true
        }
        Ok(None) => true,
        Err(error) => {
            log::warn!(error:%; "server behind the cache not cleared");
            false
        }
    };
    ret.bool(cache.is_some() && is_cleared);
    Ok(())
}

fn stats(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if let Some(cache) = engine::current().cache() {
        local::count_hits(cache);
    }
    ret.json(&engine::current().cache_stats());
    Ok(())
}
