//! Statistics of a store, in a few system calls. Any thread.

use std::path::PathBuf;

use super::{IndexRecord, Key, Store, cleanup::evict::smallest};
use crate::metrics::{Samples, Source, velox as metrics};

/// Statistics of a store. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The canonical cache directory.
    pub dir: PathBuf,
    /// Whether artifacts can be committed.
    pub writable: bool,
    /// Artifacts in the index; expired ones count until they are cleaned.
    pub entries: u64,
    /// Maximum number of entries.
    pub capacity: u32,
    /// Bytes of all binaries.
    pub bytes: u64,
    /// Maximum bytes of all binaries.
    pub max_bytes: u64,
    /// Lookups of all processes of this host that found an artifact.
    pub hits: u64,
    /// The same, that found none.
    pub misses: u64,
    /// Artifacts evicted on this host since the index was created, because they were expired.
    pub evicted_expired: u64,
    /// The same, as least recently used.
    pub evicted_lru: u64,
    /// Mapped bytes of the index.
    pub index_bytes: usize,
    /// The shared segment; `None` if this process has an index of its own.
    pub index_path: Option<PathBuf>,
    /// Whether the index was filled from the disk; before that it may miss artifacts.
    pub index_filled: bool,
}

impl Store {
    /// Reads the statistics from memory, and whether the directory is writable.
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

    /// The records that are not expired, from after `after` on in the order of keys, at most `limit`. Reads every slot:
    /// 0.1 ms for 16,384, some 10 ms for a million.
    #[must_use]
    pub fn entries(&self, limit: usize, after: Option<Key>) -> Vec<IndexRecord> {
        let now_ms = self.clock.now_ms();
        let living = self.index.records().filter(|record| {
            !record.is_expired(now_ms) && after.is_none_or(|after| record.key > after)
        });
        smallest(living, limit, |record| record.key)
    }
}

impl Source for Store {
    fn read(&self, samples: &mut Samples) {
        let oldest = self.index.records().map(|record| record.accessed_ms).min();
        let age_ms = oldest.map_or(0, |oldest| self.clock.now_ms().saturating_sub(oldest));
        let [expired, lru] = self.index.eviction_counts();
        samples.add(&metrics::CACHE_ENTRIES, &[], self.index.len() as f64);
        samples.add(&metrics::CACHE_SIZE, &[], self.index.total_size() as f64);
        samples.add(&metrics::CACHE_ACCESS_AGE, &[], age_ms as f64 / 1000.0);
        samples.add(&metrics::CACHE_EVICTIONS, &["expired"], expired as f64);
        samples.add(&metrics::CACHE_EVICTIONS, &["lru"], lru as f64);
    }
}
