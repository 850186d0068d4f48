//! The section `cache`: values that all PHP processes of the host share.

use std::time::Duration;

use super::super::row::{YEAR, ZERO, duration, flag, size, word};

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
    }
}
