//! The counts of a cache, and its state. Any thread.

use std::sync::atomic::Ordering;

use super::{
    Cache, Space, SpaceCounts, Stats,
    stats::{self, Counter},
};

impl Cache {
    /// Counts a value that the caller did not store, because it is too large.
    pub fn count_refused(&self) {
        self.count(Counter::Refused);
    }

    /// Counts lookups that found a value.
    #[inline]
    pub fn count_hits(&self, hits: u64) {
        self.count_hits_in(Space::Values, hits);
    }

    /// As [`Cache::count_hits`], in a space.
    #[inline]
    pub fn count_hits_in(&self, space: Space, hits: u64) {
        self.memory
            .counter(stats::stripe(), Counter::hits(space) as usize)
            .fetch_add(hits, Ordering::Relaxed);
    }

    /// The state of the cache.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::collect(&self.memory)
    }

    /// Lookups of a space that found a value, and those that found none, since the segment was created.
    #[must_use]
    pub fn lookups_in(&self, space: Space) -> (u64, u64) {
        let sum = |counter| stats::sum(&self.memory, counter);
        (sum(Counter::hits(space)), sum(Counter::misses(space)))
    }

    /// Lookups and values of a space. Visits the whole table.
    #[must_use]
    pub fn counts_in(&self, space: Space) -> SpaceCounts {
        let (entries, bytes) = self.size_of(space);
        let (hits, misses) = self.lookups_in(space);
        SpaceCounts {
            hits,
            misses,
            stores: stats::sum(&self.memory, Counter::stores(space)),
            entries,
            bytes,
        }
    }
}
