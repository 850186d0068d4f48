//! The section `cache`: values that all PHP processes of the host share.

use std::time::Duration;

use super::super::{
    row::{HOUR, Row, YEAR, ZERO, duration, flag, millis, required, secret, size, word},
    types::{Policy, Value, ValueType},
};
use crate::secret::Secret;

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
        /// the key as hashes; `stale` and `beta`: of `remember()`; `write`: `through`, `behind` or `first-tier`.
        patterns: Vec<Policy> = policies();
        /// Key of the hashes of `hash: on`: without it, a short id can be found by trying; the same on all hosts.
        hash_secret: Option<Secret> = secret();
    }
}

const fn policies() -> Row<Vec<Policy>> {
    Row::new(ValueType::Policies, None, required!(Policies))
}
