//! Stores of one value. On PHP's threads.

use std::time::Duration;

use ext_php_rs::ffi::{IS_RESOURCE, zval};
use pillion_engine::cache::{Cache, NewValue, Space, Stored, Ttl};

use super::warn;
use crate::{
    api::cache::codec,
    zend::{arguments::Thrown, value::type_of},
};

/// The ways to store one value.
#[derive(Clone, Copy)]
pub enum Store {
    Set,
    Add,
}

/// A lifetime in seconds; 0: until the value is evicted. A negative one is over at once.
pub fn lifetime(seconds: i64) -> Ttl {
    match u64::try_from(seconds) {
        Ok(0) => Ttl::Forever,
        Ok(seconds) => Ttl::For(Duration::from_secs(seconds)),
        Err(_) => Ttl::For(Duration::ZERO),
    }
}

/// Stores a value; returns whether it is stored. May run PHP code.
pub fn store(
    cache: &Cache,
    how: Store,
    key: &[u8],
    value: &zval,
    seconds: i64,
) -> Result<bool, Thrown> {
    if type_of(value) == IS_RESOURCE {
        warn(c"Cannot store resources in apcu cache")?;
        return Ok(false);
    }
    if seconds < 0 {
        // Expired at once: nothing is left of it, nor of the value that a store replaces.
        return Ok(match how {
            Store::Set => {
                cache.delete_in(Space::Apcu, key);
                true
            }
            Store::Add => !cache.has_in(Space::Apcu, key),
        });
    }
    let encoded = codec::with_encoded(value, |encoding, bytes| {
        let new = NewValue {
            bytes,
            encoding,
            ttl: lifetime(seconds),
            tags: &[],
        };
        let stored = match how {
            Store::Set => cache.set_in(Space::Apcu, key, &new),
            Store::Add => cache.add_in(Space::Apcu, key, &new),
        };
        stored == Stored::Yes
    });
    match encoded {
        Ok(Some(is_stored)) => Ok(is_stored),
        Ok(None) => {
            cache.count_refused();
            Ok(false)
        }
        Err(Thrown::Pending) => Err(Thrown::Pending),
        Err(Thrown::Error(_)) => {
            warn(c"Cannot store an array that has more than 512 levels or contains itself")?;
            Ok(false)
        }
    }
}
