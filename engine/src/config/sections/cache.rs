//! The section `cache`: values that all PHP processes of the host share.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{
        HOUR, Row, YEAR, ZERO, count, duration, flag, millis, number, optional, path, required,
        secret, size, word,
    },
    types::{Policy, RedisUrl, Value, ValueType, WriteMode},
};
use crate::{secret::Secret, tls::SystemCertificates};

settings! {
    /// The section `cache`.
    pub struct CacheSettings: Cache, "cache." {
        /// Whether `Pillion\Cache` stores anything; off: each read is a miss.
        enabled: bool = flag("on").env(&["CACHE_ENABLED", "ENABLE_CACHE"]);
        /// Size of the shared memory of a namespace, fixed when the first process creates it. Smaller if the file
        /// system has no more space.
        memory_bytes as "memory": u64 = size(1, 8192, "32");
        /// Decoded values that each PHP thread keeps, until they change: bytes that these take at most; 0: none.
        local_bytes as "local_size": u64 = size(0, 1024, "4");
        /// Separates pools and releases: processes with another namespace have other values; unset: the namespace
        /// without a name.
        namespace: Option<String> = word();
        /// Lifetime of values that are stored without one; 0: until they are evicted.
        ttl_default: Duration = duration(ZERO, YEAR, "5m").env(&["CACHE_TTL_DEFAULT"]);
        /// Time after which another caller of `remember()` produces a value in place of one that has begun and not
        /// ended: it may be stopped.
        producer_timeout: Duration = duration(millis(10), HOUR, "10s");
        /// Policies of keys by pattern: the first one that matches applies. `ttl`: lifetime of values that are stored
        /// without one; `format`: `json` or `php`; `tier`: `both` or `first`; `hash`: `on` stores the variable parts of
        /// the key as hashes; `stale` and `beta`: of `remember()`; `write`: `through`, `behind` or `first-tier`; `warm`:
        /// `on` reads the value of this one key from the server as soon as a process uses it.
        patterns: Vec<Policy> = policies();
        /// Key of the hashes of `hash: on`: without it, a short id can be found by trying; the same on all hosts.
        hash_secret: Option<Secret> = secret();
        /// A Redis, Valkey or Dragonfly server that several hosts share, behind the memory of this one; unset: none.
        url: Option<RedisUrl> = redis_url().env(&["CACHE_URL"]);
        /// PEM file with certificates to trust in addition to the system's, for `rediss`; unset: only the system's.
        ca_file: Option<PathBuf> = path();
        /// Time that a call waits for that server at most, in milliseconds.
        timeout as "timeout_ms": Duration = milliseconds(1, 60_000, "100").env(&["CACHE_TIMEOUT_MS"]);
        /// Failures in a row after which calls no longer wait for that server, until it answers again.
        max_retries: u32 = number(1, 1000, "3").env(&["CACHE_MAX_RETRIES"]);
        /// Connections of a process to that server at most; calls share them.
        connection_pool_size: usize = count(1, 1000, "10").env(&["CACHE_CONNECTION_POOL_SIZE"]);
        /// Stores that go to that server: `through`, all, and each waits for its answer; `behind`, all, without waiting;
        /// `first-tier`, none. Removed values and invalidated tags always go.
        write: WriteMode = write_mode("through");
        /// Whether `clear()` without a namespace removes all keys of that server's database, also those of other
        /// programs; off: it removes the values of this host only, and returns false.
        clear_database: bool = flag("off");
    } with {
        /// Locations from the environment.
        system_certificates: SystemCertificates,
    }
}

const fn redis_url() -> Row<Option<RedisUrl>> {
    Row::new(ValueType::RedisUrl, None, optional!(RedisUrl))
}

const fn write_mode(default: &'static str) -> Row<WriteMode> {
    let words = &["through", "behind", "first-tier"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "behind" => WriteMode::Behind,
            "first-tier" => WriteMode::FirstTier,
            _ => WriteMode::Through,
        }
    })
}

const fn milliseconds(min: u32, max: u32, default: &'static str) -> Row<Duration> {
    let range = ValueType::Integer(min as i64, max as i64);
    Row::new(range, Some(default), |value| {
        let number: i64 = required!(Integer)(value);
        Duration::from_millis(number.try_into().unwrap_or_default())
    })
}

const fn policies() -> Row<Vec<Policy>> {
    Row::new(ValueType::Policies, None, required!(Policies))
}
