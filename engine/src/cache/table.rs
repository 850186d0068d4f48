//! The hash table: buckets of seven slots, two of them for each key. A lookup takes no lock and stores nothing but a
//! read mark. A store takes the lock of the key's first bucket, so that a key has one slot, and changes that slot by
//! one compare-and-swap. A lock is held for less than a microsecond; a waiter takes it over after [`TAKEOVER`], from a
//! killed or stopped holder, and changes the version of all slots that the holder may be about to change: its swap
//! fails then, should it ever go on. Any thread.

use std::{
    hint,
    sync::atomic::{AtomicU64, Ordering, fence},
    thread,
    time::{Duration, Instant},
};

use super::{
    entry::{HashedKey, Head},
    layout::{BUCKET_WORDS, LINE_WORDS},
    memory::Memory,
    words::{MAX_READ_MARKS, SlotWord},
};
use crate::{
    failpoint::failpoint,
    shm::{groups, word::prefetch},
};

/// After this time a waiter takes over the lock of a bucket.
const TAKEOVER: Duration = Duration::from_millis(1);
/// Attempts of a spinning waiter before it sleeps.
const SPINS: usize = 200;
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
fn buckets(memory: &Memory, hash: u64) -> [usize; 2] {
    let count = memory.layout.bucket_count;
    [
        groups::home(hash, count),
        groups::home(groups::mix(hash), count),
    ]
}

/// The slots of a bucket.
fn slots(bucket: usize) -> std::ops::Range<usize> {
    bucket * BUCKET_WORDS + 1..(bucket + 1) * BUCKET_WORDS
}

/// Finds the entry of a key, expired or not.
#[inline]
pub(super) fn find(memory: &Memory, key: HashedKey<'_>) -> Option<Found> {
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
                let block = word.block().unwrap_or_default();
                prefetch(memory.content(block, LINE_WORDS));
                let head = Head::load(memory, block);
                let is_equal = head.has_key(memory, block, key);
                let found = Found {
                    slot,
                    word,
                    block,
                    head,
                };
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
        let found = find(memory, key)?;
        let result = read(&found);
        if found.is_unchanged(memory) {
            return Some(result);
        }
    }
    None
}

/// The lock of a key's first bucket.
#[derive(Debug)]
pub(super) struct KeyLock<'a> {
    memory: &'a Memory,
    word: &'a AtomicU64,
    held: u64,
    hash: u64,
}

impl<'a> KeyLock<'a> {
    /// Acquires the lock; takes it over from a holder that does not release it.
    pub(super) fn acquire(memory: &'a Memory, hash: u64) -> Self {
        let [first, _] = buckets(memory, hash);
        let word = memory.bucket_lock(first);
        let lock = |held| Self {
            memory,
            word,
            held,
            hash,
        };
        let mut holder = None;
        for attempt in 0.. {
            let found = word.load(Ordering::Relaxed);
            if found & 1 == 0 {
                if swap(word, found, found + 1) {
                    failpoint!("cache.bucket.locked");
                    return lock(found + 1);
                }
                continue;
            }
            if attempt < SPINS {
                hint::spin_loop();
                continue;
            }
            // The time of one holder, not of a queue of them.
            let since = match holder {
                Some((word, since)) if word == found => since,
                _ => holder.insert((found, Instant::now())).1,
            };
            let taken = found.wrapping_add(2);
            if since.elapsed() >= TAKEOVER && swap(word, found, taken) {
                let lock = lock(taken);
                lock.fence_off();
                return lock;
            }
            thread::sleep(Duration::from_micros(50));
        }
        lock(0)
    }

    /// Changes the version of all slots that the former holder may change.
    fn fence_off(&self) {
        for slot in buckets(self.memory, self.hash).into_iter().flat_map(slots) {
            let mut word = self.memory.load_slot(slot);
            while !self.memory.swap_slot(slot, word, word.touched()) {
                word = self.memory.load_slot(slot);
            }
        }
    }

    /// Whether no other process has taken the lock over.
    pub(super) fn is_held(&self) -> bool {
        self.word.load(Ordering::Acquire) == self.held
    }

    /// The slot for a new entry of the key: an empty one, else one whose entry is to be evicted: an expired one, or the
    /// one with the fewest reads.
    pub(super) fn slot_for_new(&self, now: u64) -> Option<(usize, SlotWord)> {
        let mut victim = None;
        for slot in buckets(self.memory, self.hash).into_iter().flat_map(slots) {
            let word = self.memory.load_slot(slot);
            let Some(block) = word.block() else {
                return Some((slot, word));
            };
            let head = Head::load(self.memory, block);
            let cost = match head.is_expired(now) {
                true => 0,
                false if head.is_pinned() => continue,
                false => 1 + word.reads(),
            };
            if victim.is_none_or(|(least, _, _)| cost < least) {
                victim = Some((cost, slot, word));
            }
        }
        victim.map(|(_, slot, word)| (slot, word))
    }
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        swap(self.word, self.held, self.held.wrapping_add(1));
    }
}

fn swap(word: &AtomicU64, old: u64, new: u64) -> bool {
    word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
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
