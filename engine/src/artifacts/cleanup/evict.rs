//! Eviction: first expired artifacts, then the least recently used ones, until entries and bytes are within their
//! limits. Artifacts created or found within the grace period stay, because a process may be about to serve them.
//! Threads that may wait.

use std::{collections::BinaryHeap, time::Duration};

use crate::artifacts::{
    IndexRecord, Key, Store,
    index::{Pending, Writer},
};
use crate::failpoint::failpoint;

/// Maximum evictions of one commit; the cleaning does the rest.
const MAX_EVICTIONS_PER_COMMIT: usize = 16;

impl Store {
    /// Frees a slot in a full index for a record of that key: among the records in its groups, evicts an expired one or
    /// the least recently used one. If all were used recently, one of them leaves the index and stays on disk.
    pub(in crate::artifacts) fn make_space_near(&self, writer: &Writer<'_>, key: Key) {
        let now_ms = self.clock.now_ms();
        let oldest = writer
            .neighbours(key)
            .min_by_key(|record| (!record.is_expired(now_ms), record.accessed_ms));
        let Some(victim) = oldest else {
            return;
        };
        if victim.is_recent(now_ms, self.options.grace) {
            writer.remove(victim.key);
            return;
        }
        self.evict(writer, &victim, now_ms);
    }

    /// Removes a record from the index and its files from the disk. Returns `false` if it was replaced or used
    /// meanwhile, or the disk failed; then it stays.
    pub(in crate::artifacts) fn evict(
        &self,
        writer: &Writer<'_>,
        victim: &IndexRecord,
        now_ms: u64,
    ) -> bool {
        self.evict_unused(writer, victim, now_ms, self.options.grace)
    }

    /// As [`Store::evict`], with another grace period.
    pub(in crate::artifacts) fn evict_unused(
        &self,
        writer: &Writer<'_>,
        victim: &IndexRecord,
        now_ms: u64,
        grace: Duration,
    ) -> bool {
        let same = self.index.get(victim.key).is_some_and(|record| {
            record.created_ms == victim.created_ms
                && record.sha256 == victim.sha256
                && !record.is_recent(now_ms, grace)
        });
        if !same {
            return false;
        }
        let expired = victim.is_expired(now_ms);
        let erased = writer.with_pending(victim.key, Pending::Victim, || {
            writer.remove(victim.key);
            failpoint!("evict.out");
            let erased = self.erase(victim.key);
            failpoint!("evict.erased");
            erased
        });
        if let Err(error) = erased {
            log::warn!(cache_key:% = victim.key, error:%; "eviction failed");
            return false;
        }
        writer.count_eviction(expired);
        let reason = if expired { "expired" } else { "lru" };
        log::debug!(cache_key:% = victim.key, file_size = victim.size, reason; "artifact evicted");
        true
    }

    /// Evicts some records beyond the limits after a commit.
    pub(in crate::artifacts) fn evict_surplus(&self, writer: &Writer<'_>) {
        let now_ms = self.clock.now_ms();
        for record in self.surplus(now_ms, MAX_EVICTIONS_PER_COMMIT) {
            self.evict(writer, &record, now_ms);
        }
    }

    /// The least recently used records beyond the limits, at most `limit`.
    pub(in crate::artifacts) fn surplus(&self, now_ms: u64, limit: usize) -> Vec<IndexRecord> {
        let (most_entries, most_bytes) = (self.options.max_entries.into(), self.options.max_size);
        if self.index.len() <= most_entries && self.index.total_size() <= most_bytes {
            return Vec::new();
        }
        // The sums in the header only show that it is worth checking: nothing is evicted because one of these words was
        // damaged.
        let (mut entries, mut bytes) = (0u64, 0u64);
        let candidates = self
            .index
            .records()
            .inspect(|record| {
                entries += 1;
                bytes = bytes.saturating_add(record.size);
            })
            .filter(|record| !record.is_recent(now_ms, self.options.grace));
        let mut oldest = smallest(candidates, limit, |record| (record.accessed_ms, record.key));
        entries = entries.saturating_sub(most_entries);
        bytes = bytes.saturating_sub(most_bytes);
        oldest.retain(|record| {
            let needed = entries > 0 || bytes > 0;
            entries = entries.saturating_sub(1);
            bytes = bytes.saturating_sub(record.size);
            needed
        });
        oldest
    }
}

/// The `limit` smallest records in order, in memory for `limit` and not for all.
pub(in crate::artifacts) fn smallest<K: Ord + Copy>(
    records: impl Iterator<Item = IndexRecord>,
    limit: usize,
    by: impl Fn(&IndexRecord) -> K,
) -> Vec<IndexRecord> {
    struct Ranked<K>(K, IndexRecord);
    impl<K: Ord> PartialEq for Ranked<K> {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl<K: Ord> Eq for Ranked<K> {}
    impl<K: Ord> PartialOrd for Ranked<K> {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl<K: Ord> Ord for Ranked<K> {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    let mut heap: BinaryHeap<Ranked<K>> = BinaryHeap::new();
    for record in records {
        heap.push(Ranked(by(&record), record));
        if heap.len() > limit {
            heap.pop();
        }
    }
    let sorted = heap.into_sorted_vec();
    sorted.into_iter().map(|ranked| ranked.1).collect()
}
