//! Evicts entries by a clock hand for each size class: it passes an entry that was read since the last turn, and evicts
//! one that was not. An expired entry is always evicted, a lock never before it is expired. A store moves the hand by a
//! bounded number of steps. CLOCK and not an exact order, because a reader stores a mark at most, and only in the slot
//! that it has loaded anyway. Any thread.

use super::{
    blocks::Blocks,
    class_line as class,
    entry_blocks::EntryBlocks,
    layout::{SLAB_GRANULES, class_blocks, class_granules},
    stats::Counter,
    words::{self, BlockState, BlockWord},
};
use crate::{
    failpoint::failpoint,
    sync::atomic::{Ordering, fence},
};

/// Steps of the clock hand that spare entries which were read.
const MAX_SPARING_STEPS: usize = 96;
/// Steps of the clock hand in all.
const MAX_STEPS: usize = 192;

impl Blocks<'_> {
    /// Moves the clock hand of the class until it has a block.
    pub(super) fn evict(&self, class: usize) -> Option<usize> {
        for step in 0..MAX_STEPS {
            let block = self.advance_hand(class)?;
            let word = self.memory.load_block(block);
            // The slab may have got another class since the hand moved. If it gets one from here on, the block's word
            // changes.
            let is_of_class = self.memory.load_slab(block / SLAB_GRANULES).serves(class);
            let is_taken = match word.state() {
                _ if !is_of_class => false,
                BlockState::Interior | BlockState::Reserved => false,
                BlockState::Free => self.take(block, word),
                BlockState::First | BlockState::Part => {
                    self.evict_block(block, word, step < MAX_SPARING_STEPS)
                        && self.take(block, word)
                }
            };
            if is_taken {
                return Some(block);
            }
        }
        None
    }

    /// Removes the entry of a block. Returns `false` if it stays: it was read lately (with `spare`), is pinned and not
    /// expired, or was changed meanwhile. Frees the entry's other blocks; the caller changes this one from `word`.
    pub(super) fn evict_block(&self, block: usize, word: BlockWord, spare: bool) -> bool {
        let slot = word.link();
        let found = self.memory.load_slot(slot);
        let Some(entry) = self.blocks_of(found) else {
            return true;
        };
        if !entry.contains(block) {
            // The process that removed the entry of this block was killed, or is late. If it is late, it and the caller
            // both change the word of the block, and one succeeds. The blocks are read before the slot is read again.
            fence(Ordering::Acquire);
            return self.memory.load_slot(slot).is_same(found);
        }
        let expired = entry.head.is_expired(self.now);
        if entry.head.is_pinned() && !expired {
            return false;
        }
        if spare && !expired && found.reads() > 0 {
            let less = found.0 - words::READ;
            let _ = self.memory.slot(slot).compare_exchange(
                found.0,
                less,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            return false;
        }
        let removed = self.memory.swap_slot(slot, found, found.emptied());
        if removed {
            self.free_evicted(&entry, block);
        }
        removed
    }

    fn free_evicted(&self, entry: &EntryBlocks, kept: usize) {
        failpoint!("cache.entry.evicted");
        self.count_eviction(entry);
        self.count_removed(entry);
        self.free_entry(entry, Some(kept));
    }

    /// Counts an entry that makes place for another one.
    pub(super) fn count_eviction(&self, entry: &EntryBlocks) {
        let counter = if entry.head.is_expired(self.now) {
            Counter::Expired
        } else {
            Counter::Evicted
        };
        self.memory
            .counter(self.stripe, counter as usize)
            .fetch_add(1, Ordering::Relaxed);
        if let Some(class) = self.class_of(entry.first.0) {
            let age = self.now.saturating_sub(entry.head.created);
            let line = |word| self.memory.class_word(class, word);
            line(class::AGE).store(age, Ordering::Relaxed);
            line(class::EVICTIONS).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The next block under the hand of the class; `None` if the class has no slab.
    fn advance_hand(&self, class: usize) -> Option<usize> {
        let word = self.memory.class_word(class, class::HAND);
        let hand = word.load(Ordering::Relaxed);
        let (mut slab, mut block) = ((hand >> 32) as usize, hand as u32 as usize);
        if block >= class_blocks(class) || !self.memory.load_slab(slab).serves(class) {
            slab = self.next_slab(class, slab + 1)?;
            block = 0;
        }
        // Two processes may examine the same block; one gets it.
        word.store((slab as u64) << 32 | (block as u64 + 1), Ordering::Relaxed);
        Some(slab * SLAB_GRANULES + block * class_granules(class))
    }

    fn next_slab(&self, class: usize, start: usize) -> Option<usize> {
        let count = self.memory.layout.slab_count;
        (0..count)
            .map(|step| (start + step) % count)
            .find(|slab| self.memory.load_slab(*slab).serves(class))
    }
}
