//! Counters of the host, in stripes: a thread adds to its stripe, so that processes rarely share a cache line, and a
//! reader sums them up. A counter survives the processes that counted. Any thread.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    entry::Space,
    layout::{GRANULE, SLAB_BYTES, STRIPES, header},
    memory::Memory,
    occupancy::Occupancy,
};

/// A counter, by its position in a stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Counter {
    /// Lookups that found a value.
    Hits,
    /// Lookups that found none.
    Misses,
    /// Stored values.
    Stores,
    /// Removed values.
    Deletes,
    /// Values that were not stored: too large, or no memory.
    Refused,
    /// Entries evicted before they expired.
    Evicted,
    /// Expired entries that were removed.
    Expired,
    /// Invalidated tags.
    Invalidations,
    /// Bytes of the content of all entries: a difference in each stripe, as of [`super::occupancy`].
    Bytes,
    /// Lookups of the space [`Space::Apcu`] that found a value.
    ApcuHits,
    /// Lookups of that space that found none.
    ApcuMisses,
    /// Stored values of that space.
    ApcuStores,
    /// The number of entries in the upper half, the granules of their blocks in the lower one: a difference in each
    /// stripe.
    Entries,
}

impl Counter {
    /// The counter of lookups that found a value.
    #[inline]
    pub(super) const fn hits(space: Space) -> Self {
        match space {
            Space::Values => Self::Hits,
            Space::Apcu => Self::ApcuHits,
        }
    }

    /// The counter of lookups that found none.
    #[inline]
    pub(super) const fn misses(space: Space) -> Self {
        match space {
            Space::Values => Self::Misses,
            Space::Apcu => Self::ApcuMisses,
        }
    }

    /// The counter of stored values.
    pub(super) const fn stores(space: Space) -> Self {
        match space {
            Space::Values => Self::Stores,
            Space::Apcu => Self::ApcuStores,
        }
    }
}

/// Lookups and values of one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceCounts {
    /// Lookups that found a value, since the segment was created.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Stored values, since then; those of [`Space::Values`] include all others.
    pub stores: u64,
    /// Values.
    pub entries: u64,
    /// Bytes of their keys, values and heads.
    pub bytes: u64,
}

/// The state of the cache.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// Lookups that found a value, since the segment was created.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Stored values.
    pub stores: u64,
    /// Removed values.
    pub deletes: u64,
    /// Values that were not stored, because they were too large or all memory was in use.
    pub refused: u64,
    /// Entries that were evicted before they expired.
    pub evictions: u64,
    /// Expired entries that were removed.
    pub expired: u64,
    /// Invalidated tags.
    pub tag_invalidations: u64,
    /// Entries, expired ones included.
    pub entries: u64,
    /// Bytes of the segment.
    pub memory: u64,
    /// Bytes of blocks with entries.
    pub memory_used: u64,
    /// Bytes of these blocks beyond keys, values and heads.
    pub memory_wasted: u64,
    /// Bytes of blocks and slabs without entries.
    pub memory_free: u64,
    /// Bytes of the largest value that can be stored.
    pub max_value: u64,
    /// When the segment was created, in milliseconds since 1970.
    pub created_ms: u64,
    /// When all entries were removed last, in milliseconds since 1970.
    pub cleared_ms: Option<u64>,
}

/// The stripe of the calling thread.
#[inline]
pub(super) fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = {
            let process = std::process::id() as usize;
            (process.wrapping_mul(7) + NEXT.fetch_add(1, Ordering::Relaxed)) % STRIPES
        };
    }
    STRIPE.try_with(|stripe| *stripe).unwrap_or(0)
}

pub(super) fn sum(memory: &Memory, counter: Counter) -> u64 {
    (0..STRIPES).fold(0, |sum: u64, stripe| {
        sum.wrapping_add(
            memory
                .counter(stripe, counter as usize)
                .load(Ordering::Relaxed),
        )
    })
}

/// Sums the counters up.
pub(super) fn collect(memory: &Memory) -> Stats {
    let count = |counter| sum(memory, counter);
    let word = |index| memory.word(index).load(Ordering::Relaxed);
    let counted = Occupancy::counted(memory);
    // A process that was killed since may have counted a removal and not the store before, or the reverse.
    let positive = |count: i64| u64::try_from(count).unwrap_or(0);
    let memory_of_slabs = (memory.layout.slab_count * SLAB_BYTES) as u64;
    let used = (positive(counted.granules) * GRANULE as u64).min(memory_of_slabs);
    let cleared = word(header::CLEARED);
    Stats {
        hits: count(Counter::Hits),
        misses: count(Counter::Misses),
        stores: count(Counter::Stores),
        deletes: count(Counter::Deletes),
        refused: count(Counter::Refused),
        evictions: count(Counter::Evicted),
        expired: count(Counter::Expired),
        tag_invalidations: count(Counter::Invalidations),
        entries: positive(counted.entries),
        memory: memory.bytes() as u64,
        memory_used: used,
        memory_wasted: used.saturating_sub(positive(counted.bytes)),
        memory_free: memory_of_slabs - used,
        max_value: memory.layout.max_value() as u64,
        created_ms: word(header::CREATED),
        cleared_ms: (cleared != 0).then_some(cleared),
    }
}
