//! The lock of a bucket. It is held for less than a microsecond; a waiter takes it over from a killed or stopped holder
//! once its [`Patience`] is over, and changes the version of all slots that the holder may be about to change: its swap
//! fails then, should it ever go on. Any thread.

use super::{
    entry::Head,
    memory::Memory,
    patience::Patience,
    table::{buckets, slots},
    words::SlotWord,
};
use crate::{
    failpoint::failpoint,
    sync::atomic::{AtomicU64, Ordering},
};

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
        let mut patience = Patience::default();
        loop {
            let found = word.load(Ordering::Relaxed);
            if found & 1 == 0 {
                if swap(word, found, found + 1) {
                    failpoint!("cache.bucket.locked");
                    return lock(found + 1);
                }
                continue;
            }
            let taken = found.wrapping_add(2);
            if patience.is_over(found) && swap(word, found, taken) {
                let lock = lock(taken);
                lock.fence_off();
                return lock;
            }
        }
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

    /// The lock word of a key, which each holder changes.
    pub(super) fn word(memory: &Memory, hash: u64) -> u64 {
        let [first, _] = buckets(memory, hash);
        memory.bucket_lock(first).load(Ordering::Acquire)
    }

    /// Whether no other process has held the lock since its word was `before`.
    pub(super) const fn follows(&self, before: u64) -> bool {
        before & 1 == 0 && self.held == before.wrapping_add(1)
    }

    /// The word after this holder.
    pub(super) const fn next_word(&self) -> u64 {
        self.held.wrapping_add(1)
    }

    /// Whether no other process has taken the lock over.
    pub(super) fn is_held(&self) -> bool {
        self.word.load(Ordering::Acquire) == self.held
    }

    /// The slot for a new entry of the key: an empty one, else one to evict: with an expired entry, or with the fewest
    /// reads.
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
