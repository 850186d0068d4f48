//! The hash table: buckets of seven slots, two of them for each key. A lookup takes no lock and stores nothing but a
//! read mark. A store takes the lock of the key's first bucket ([`super::key_lock`]), so that a key has one slot, and
//! changes that slot by one compare-and-swap. Any thread.

use super::{
    entry::{HashedKey, Head},
    layout::{BUCKET_WORDS, LINE_WORDS},
    memory::Memory,
    words::{MAX_READ_MARKS, SlotWord},
};
use crate::{
    shm::{groups, word::prefetch},
    sync::atomic::{Ordering, fence},
};

/// Attempts of a reader whose entry is replaced while it copies. Each fails only because another process stored.
const MAX_READS: usize = 64;

/// An entry that was found: its slot, the slot's word, its block and head. Valid as long as the slot has that word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) slot: usize,
    pub(super) word: SlotWord,
    pub(super) block: usize,
    pub(super) head: Head,
}

impl Found {
    /// The entry that a slot with that word refers to.
    #[inline]
    pub(super) fn load(memory: &Memory, slot: usize, word: SlotWord) -> Option<Self> {
        let block = word.block()?;
        prefetch(memory.content(block, LINE_WORDS));
        Some(Self {
            slot,
            word,
            block,
            head: Head::load(memory, block),
        })
    }

    /// Whether the slot still refers to the entry, so that all that was read of it belongs together.
    #[inline]
    pub(super) fn is_unchanged(&self, memory: &Memory) -> bool {
        // All that was read above is read before the slot is read again.
        fence(Ordering::Acquire);
        SlotWord(memory.slot(self.slot).load(Ordering::Relaxed)).is_same(self.word)
    }

    /// Marks the entry as read, if it is not marked enough.
    #[inline]
    pub(super) fn mark_read(&self, memory: &Memory) {
        if self.word.reads() < MAX_READ_MARKS {
            memory.add_read(self.slot);
        }
    }
}

/// The two buckets of a hash.
#[inline]
pub(super) fn buckets(memory: &Memory, hash: u64) -> [usize; 2] {
    let count = memory.layout.bucket_count;
    [
        groups::home(hash, count),
        groups::home(groups::mix(hash), count),
    ]
}

/// The slots of a bucket.
pub(super) fn slots(bucket: usize) -> std::ops::Range<usize> {
    bucket * BUCKET_WORDS + 1..(bucket + 1) * BUCKET_WORDS
}

/// Finds the entry of a key, expired or not.
pub(super) fn find(memory: &Memory, key: HashedKey<'_>) -> Option<Found> {
    search(memory, key)
}

/// As [`find`], in the code of the reader: a call would cost a sixth of a lookup.
#[inline(always)]
fn search(memory: &Memory, key: HashedKey<'_>) -> Option<Found> {
    let buckets = buckets(memory, key.hash);
    prefetch(memory.bucket_lock(buckets[0]));
    prefetch(memory.bucket_lock(buckets[1]));
    for bucket in buckets {
        for slot in slots(bucket) {
            let mut word = memory.load_slot(slot);
            for _ in 0..MAX_READS {
                if !word.matches(key.hash) {
                    break;
                }
                let Some(found) = Found::load(memory, slot, word) else {
                    break;
                };
                let is_equal = found.head.has_key(memory, found.block, key);
                if found.is_unchanged(memory) {
                    if is_equal {
                        return Some(found);
                    }
                    break;
                }
                word = memory.load_slot(slot);
            }
        }
    }
    None
}

/// Reads an entry by `read`, which may see torn bytes: its result is used only if the entry did not change meanwhile.
/// Returns `None` if the key has no entry.
#[inline]
pub(super) fn read<T>(
    memory: &Memory,
    key: HashedKey<'_>,
    mut read: impl FnMut(&Found) -> T,
) -> Option<T> {
    for _ in 0..MAX_READS {
        let found = search(memory, key)?;
        let result = read(&found);
        if found.is_unchanged(memory) {
            return Some(result);
        }
    }
    None
}

/// Calls `visit` with each slot that refers to an entry, from `start` on, until it returns `false`. Returns the slot
/// after the last one, or `None` at the end of the table.
pub(super) fn for_each_slot(
    memory: &Memory,
    start: usize,
    mut visit: impl FnMut(usize, SlotWord) -> bool,
) -> Option<usize> {
    let end = memory.layout.bucket_count * BUCKET_WORDS;
    for slot in start..end {
        if slot % BUCKET_WORDS == 0 {
            continue;
        }
        let word = memory.load_slot(slot);
        if word.block().is_some() && !visit(slot, word) {
            return Some(slot + 1);
        }
    }
    None
}

/// The slot after that of a key; if it has none, the first slot of its first bucket.
pub(super) fn position(memory: &Memory, key: HashedKey<'_>) -> usize {
    match find(memory, key) {
        Some(found) => found.slot + 1,
        None => buckets(memory, key.hash)[0] * BUCKET_WORDS,
    }
}
