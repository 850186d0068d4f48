//! What can be told of a store in a few system calls. Any thread.

use std::path::PathBuf;

use super::{IndexRecord, Key, Store, cleanup::evict::smallest};
use crate::metrics::velox as metrics;

/// Numbers of a store. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The canonical cache directory.
    pub dir: PathBuf,
    /// Whether artifacts can be kept.
    pub writable: bool,
    /// Artifacts in the index; those that have expired count until they are cleaned.
    pub entries: u64,
    /// How many can be there.
    pub capacity: u32,
    /// Of all their binaries.
    pub bytes: u64,
    /// How many bytes of binaries are kept.
    pub max_bytes: u64,
    /// Lookups of this process that found something.
    pub hits: u64,
    /// Lookups of this process that found nothing.
    pub misses: u64,
    /// Evicted on this host since the index was made, because their time was over.
    pub evicted_expired: u64,
    /// The same, for want of room.
    pub evicted_lru: u64,
    /// Mapped for the index.
    pub index_bytes: usize,
    /// The segment that processes share; `None`: this process has an index of its own.
    pub index_path: Option<PathBuf>,
    /// Whether the index was filled from the disk; before that it misses what it doesn't know.
    pub index_filled: bool,
}

impl Store {
    /// Numbers, from memory, but whether the directory can be written.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let [evicted_expired, evicted_lru] = self.index.eviction_counts();
        Stats {
            dir: self.options.dir.clone(),
            writable: self.is_writable(),
            entries: self.index.len(),
            capacity: self.index.capacity(),
            bytes: self.index.total_size(),
            max_bytes: self.options.max_size,
            hits: metrics::CACHE_HITS.get(),
            misses: metrics::CACHE_MISSES.get(),
            evicted_expired,
            evicted_lru,
            index_bytes: self.index.mapped(),
            index_path: self.index.path().map(ToOwned::to_owned),
            index_filled: self.index.is_filled(),
        }
    }

    /// The living artifacts behind `after` in the order of keys, at most `limit`. Looks at every
    /// slot: a tenth of a millisecond for 16,384, some ten for a million.
    #[must_use]
    pub fn entries(&self, limit: usize, after: Option<Key>) -> Vec<IndexRecord> {
        let now_ms = self.clock.now_ms();
        let living = self.index.records().filter(|record| {
            !record.is_expired(now_ms) && after.is_none_or(|after| record.key > after)
        });
        smallest(living, limit, |record| record.key)
    }
}
