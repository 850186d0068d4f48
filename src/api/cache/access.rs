//! Keys in arguments, and the lookup and the store of one value. On PHP's threads.

use std::{borrow::Cow, sync::Arc, time::Duration};

use ext_php_rs::ffi::zval;
use pillion_engine::{
    cache::{
        Cache, MAX_KEY, MAX_TAGS, NewValue, PatternEvent, Production, Space, Stored, Tag, Ttl,
        Version, encoding,
        redis::{Entry, FirstCopy, SecondTier, TierError},
    },
    config::WriteMode,
};

use super::{
    codec::{self, Copied},
    lifetime::Lifetime,
    local, second,
};
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        hash_table, value,
        value_writer::ZvalOut,
    },
};

/// A key or a name in an argument.
pub fn key<'a>(call: &Call<'a>, position: u32) -> Result<&'a [u8], Thrown> {
    let key = call.string(position)?;
    if key.len() <= MAX_KEY {
        return Ok(key);
    }
    Err(call.value_error(position, c"must not be longer than 65536 bytes"))
}

/// The key under which the value of `key` is stored: another one with the policy `hash`. Not to be held while PHP code
/// runs.
#[inline]
pub fn stored(key: &[u8]) -> Cow<'_, [u8]> {
    stored_by(pattern_of(key), key)
}

/// The number of the policy of a key.
#[inline]
fn pattern_of(key: &[u8]) -> Option<usize> {
    let policies = engine::current().cache_policies();
    match policies.is_empty() {
        true => None,
        false => policies.number_of(key),
    }
}

/// As [`stored`], for a key with that number of its policy.
#[inline]
fn stored_by(pattern: Option<usize>, key: &[u8]) -> Cow<'_, [u8]> {
    match pattern {
        Some(number) => engine::current()
            .cache_policies()
            .stored_key_of(number, key),
        None => Cow::Borrowed(key),
    }
}

/// Reads the value of a key: `given` as PHP has it, and its bytes. Returns `false`, and leaves `out` null, if there is
/// none.
#[inline]
pub fn read(cache: &Cache, given: Option<&zval>, key: &[u8], out: ZvalOut) -> Result<bool, Thrown> {
    read_in(cache, Space::Values, given, key, out)
}

/// As [`read`], in a space.
#[inline]
pub fn read_in(
    cache: &Cache,
    space: Space,
    given: Option<&zval>,
    key: &[u8],
    out: ZvalOut,
) -> Result<bool, Thrown> {
    read_and(cache, space, given, key, out, |_, _| ()).map(|found| found.is_some())
}

/// As [`read_in`]; returns what `examine` does with the version of the value and the time of its check, or `None`
/// if there is none.
#[inline]
pub fn read_and<T>(
    cache: &Cache,
    space: Space,
    given: Option<&zval>,
    key: &[u8],
    out: ZvalOut,
    examine: impl Fn(&Version, u64) -> T,
) -> Result<Option<T>, Thrown> {
    let name = given.and_then(value::string);
    if let Some(name) = name
        && let Some(examined) = local::fetch(cache, space, name, out, &examine)
    {
        return Ok(Some(examined));
    }
    let mut bytes = 0;
    let pattern = match space {
        Space::Values => pattern_of(key),
        Space::Apcu => None,
    };
    let found = cache.get_to_count_in(space, &stored_by(pattern, key), |value| {
        bytes = value.len();
        codec::copy(value, out)
    });
    if found.is_some() {
        local::count_hit(cache, space);
    }
    cache.count_lookup(pattern, found.is_some());
    let Some((copied, version)) = found else {
        out.release();
        return Ok(None);
    };
    // An array takes more memory than its bytes.
    let factor = match copied {
        Copied::Done => Some(1),
        Copied::Buffered(encoding) => {
            if !codec::decode_buffer(encoding, out)? {
                return Ok(None);
            }
            (encoding == encoding::ARRAY).then_some(8)
        }
    };
    let now = if version.is_produced() {
        cache.now()
    } else {
        0
    };
    let examined = examine(&version, now);
    if let (Some(name), Some(factor)) = (name, factor) {
        local::keep(
            cache,
            space,
            name,
            out,
            64 + bytes * factor,
            version,
            pattern,
        );
    }
    Ok(Some(examined))
}

/// Reads a value once more, without counting; finds an expired one too, for `stale` after its expiration.
pub fn read_again(
    cache: &Cache,
    key: &[u8],
    stale: Duration,
    out: ZvalOut,
) -> Result<bool, Thrown> {
    let found = cache.get_again(&stored(key), stale, |value| codec::copy(value, out));
    match found {
        Some((Copied::Done, _)) => Ok(true),
        Some((Copied::Buffered(encoding), _)) => codec::decode_buffer(encoding, out),
        None => {
            out.release();
            Ok(false)
        }
    }
}

/// What a store of one value does.
#[derive(Clone, Copy)]
pub enum Store {
    Set,
    /// As `Set`; [`second::store_collected`] sends all of them at once.
    SetOfMany,
    Add,
    /// As `Set`, for a value of `remember()`.
    Produced(Production),
}

/// Stores a value in both tiers; a lifetime that is over removes the one that is stored. `tag_names` are those of
/// `tags`.
pub fn store(
    cache: &Cache,
    how: Store,
    key: &[u8],
    value: &zval,
    lifetime: Lifetime,
    tags: &[Tag],
    tag_names: impl FnOnce() -> Vec<Vec<u8>>,
) -> Result<bool, Thrown> {
    let Some(ttl) = lifetime.of(key) else {
        if !matches!(how, Store::Add) {
            delete(cache, key)?;
        }
        return Ok(true);
    };
    let second = second::for_store(key);
    if let (Store::Add, Some((tier, _))) = (how, second)
        && let Some(added) = add_everywhere(tier, key, value, ttl)?
    {
        return Ok(added);
    }
    if let (Some((tier, WriteMode::Through)), false) = (second, matches!(how, Store::Add)) {
        return store_through(cache, tier, how, key, value, ttl, tags, tag_names());
    }
    let mut all_tags = [Tag::default(); MAX_TAGS + 1];
    let tags = match second {
        Some((tier, _)) => with_coverage(tags, tier.coverage(cache), &mut all_tags),
        None => tags,
    };
    let is_stored = codec::with_encoded(value, |encoding, bytes| {
        let new = NewValue {
            bytes,
            encoding,
            ttl,
            tags,
        };
        let pattern = pattern_of(key);
        let key = stored_by(pattern, key);
        let sent = second.filter(|_| !matches!(how, Store::Add));
        if let Some((tier, _)) = sent {
            tier.begin_behind(&key);
        }
        let result = match how {
            Store::Set | Store::SetOfMany => cache.set(&key, &new),
            Store::Add => cache.add(&key, &new),
            Store::Produced(production) => cache.set_produced(&key, &new, production),
        };
        let event = match result {
            Stored::Yes => Some(PatternEvent::Stored),
            Stored::Refused => Some(PatternEvent::Refused),
            Stored::No => None,
        };
        if let (Some(pattern), Some(event)) = (pattern, event) {
            cache.count_pattern(pattern, event, 1);
        }
        let entry = sent.map(|_| Entry {
            key: key.into_owned(),
            encoding,
            bytes: bytes.to_vec(),
            ttl,
            tags: tag_names(),
            first: None,
        });
        (result == Stored::Yes, entry)
    })?;
    let Some((is_stored, entry)) = is_stored else {
        count_refused(cache, key);
        return Ok(false);
    };
    if let (Some(entry), Some((tier, mode))) = (entry, second) {
        if !is_stored {
            // The former value must not stay beside the new one of the second tier.
            cache.remove_fenced(&entry.key);
        }
        second::store(mode, tier, vec![entry])?;
        return Ok(true);
    }
    Ok(is_stored)
}

/// Stores a value in the second tier, and then in the first one: see `redis/write.rs`.
#[allow(clippy::too_many_arguments, reason = "the arguments of one store")]
fn store_through(
    cache: &Cache,
    tier: &Arc<SecondTier>,
    how: Store,
    key: &[u8],
    value: &zval,
    ttl: Ttl,
    tags: &[Tag],
    tag_names: Vec<Vec<u8>>,
) -> Result<bool, Thrown> {
    let production = match how {
        Store::Produced(production) => Some(production),
        Store::Set | Store::SetOfMany | Store::Add => None,
    };
    let entry = codec::with_encoded(value, |encoding, bytes| Entry {
        key: stored(key).into_owned(),
        encoding,
        bytes: bytes.to_vec(),
        ttl,
        tags: tag_names,
        first: Some(FirstCopy::new(tags, production)),
    })?;
    let Some(entry) = entry else {
        count_refused(cache, key);
        return Ok(false);
    };
    match how {
        Store::SetOfMany => second::collect(entry),
        _ => second::store(WriteMode::Through, tier, vec![entry])?,
    }
    Ok(true)
}

fn count_refused(cache: &Cache, key: &[u8]) {
    cache.count_refused();
    if let Some(pattern) = pattern_of(key) {
        cache.count_pattern(pattern, PatternEvent::Refused, 1);
    }
}

/// The tags with that of the second tier.
fn with_coverage<'a>(tags: &[Tag], coverage: Tag, all: &'a mut [Tag; MAX_TAGS + 1]) -> &'a [Tag] {
    for (place, tag) in all.iter_mut().zip(tags.iter().chain([&coverage])) {
        *place = *tag;
    }
    all.get(..tags.len() + 1).unwrap_or_default()
}

/// Adds a value to the second tier, which decides, and then to the first one. `None`: it does not answer.
fn add_everywhere(
    tier: &Arc<SecondTier>,
    key: &[u8],
    value: &zval,
    ttl: Ttl,
) -> Result<Option<bool>, Thrown> {
    let entry = codec::with_encoded(value, |encoding, bytes| Entry {
        key: stored(key).into_owned(),
        encoding,
        bytes: bytes.to_vec(),
        ttl,
        tags: Vec::new(),
        first: None,
    })?;
    let Some(entry) = entry else {
        return Ok(None);
    };
    let writer = Arc::clone(tier);
    let added = second::run(tier, async move { writer.add(entry).await })?;
    Ok(match added {
        Some(Ok(added)) => Some(added),
        // It answers, and can't store.
        Some(Err(TierError::Refused(_))) => Some(false),
        Some(Err(TierError::Unavailable)) | None => None,
    })
}

/// Removes the value of a key from both tiers. Returns `false` if there was none.
pub fn delete(cache: &Cache, key: &[u8]) -> Result<bool, Thrown> {
    let Some(tier) = second::of(key) else {
        return Ok(cache.delete(&stored(key)));
    };
    let was_stored = cache.remove_fenced(&stored(key));
    let removed = second::remove(tier, vec![stored(key).into_owned()])?;
    Ok(was_stored || removed > 0)
}

/// The keys in an array of them; integers count as text, as PHP converts numeric keys of arrays to integers.
pub fn for_each_key(
    call: &Call<'_>,
    position: u32,
    each: impl FnMut(&[u8], &zval) -> Result<(), Thrown>,
) -> Result<(), Thrown> {
    for_each_key_from(call, position, 0, each)
}

/// As [`for_each_key`], from a position in the array on.
pub fn for_each_key_from(
    call: &Call<'_>,
    position: u32,
    first: u32,
    mut each: impl FnMut(&[u8], &zval) -> Result<(), Thrown>,
) -> Result<(), Thrown> {
    let keys = call.array(position)?;
    let mut result = Ok(());
    hash_table::for_each_from(keys, first, |_, element| {
        if result.is_err() {
            return;
        }
        result = match (value::bytes(element), value::integer(element)) {
            (Some(key), _) if key.len() <= MAX_KEY => each(key, element),
            (Some(_), _) => Err(call.value_error(
                position,
                c"must contain only strings of at most 65536 bytes",
            )),
            (None, Some(number)) => each(number.to_string().as_bytes(), element),
            (None, None) => Err(call.element_type_error(position, c"string", element)),
        };
    });
    result
}
