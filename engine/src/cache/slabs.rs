//! Slabs: memory of one size class each. A class takes an unused one, or one of a class whose entries are older and not
//! read. The word of a slab names the process that changes it, so that [`super::owners`] can end the change of a dead
//! one. Any thread.

use std::sync::atomic::Ordering;

use super::{
    blocks::Blocks, class_line as class, layout::header, memory::Memory, words::BlockState,
};
use crate::failpoint::failpoint;

/// Slabs among which the one to be reassigned is chosen.
const MAX_CANDIDATES: usize = 8;

impl Blocks<'_> {
    /// Makes an unused slab one of the class, and reserves its first block.
    pub(super) fn use_new_slab(&self, class: usize) -> Option<usize> {
        let next = self.memory.word(header::NEXT_SLAB);
        loop {
            let slab = next.load(Ordering::Relaxed) as usize;
            if slab >= self.memory.layout.slab_count {
                return None;
            }
            let found = self.memory.load_slab(slab);
            let is_mine = found.class().is_none()
                && self
                    .memory
                    .swap_slab(slab, found, found.changing(class, self.owner));
            let _ = next.compare_exchange(
                slab as u64,
                slab as u64 + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if is_mine {
                return self.divide(slab, class);
            }
        }
    }

    /// Divides a slab that this process changes into free blocks of the class, and reserves the first one: afterwards
    /// another process may give the slab another class at any moment.
    fn divide(&self, slab: usize, class: usize) -> Option<usize> {
        failpoint!("cache.slab.claimed");
        let mut blocks = Memory::slab_blocks(slab, class);
        let first = blocks.next()?;
        if !self.take(first, self.memory.load_block(first)) {
            return None;
        }
        let free: Vec<_> = blocks
            .map(|block| {
                let old = self.memory.load_block(block);
                let new = old.next(BlockState::Free, 0, 0);
                self.memory.swap_block(block, old, new);
                (block, new)
            })
            .collect();
        let word = self.memory.load_slab(slab);
        if !self.memory.swap_slab(slab, word, word.assigned(class)) {
            return None;
        }
        self.memory
            .class_word(class, class::SLABS)
            .fetch_add(1, Ordering::Relaxed);
        for (block, word) in free.into_iter().rev() {
            self.push(class, block, word);
        }
        Some(first)
    }

    /// Takes a slab from another class: of a few, the one whose entries were read least. Unless `needed`, only one
    /// without entries that were read lately, of a class that last evicted an entry twice as old.
    pub(super) fn reassign_slab(&self, class: usize, needed: bool) -> Option<usize> {
        let count = self.memory.layout.slab_count;
        let hand = self.memory.word(header::SLAB_HAND);
        let start = hand.fetch_add(1, Ordering::Relaxed) as usize;
        let mut candidates: Vec<_> = (0..count)
            .map(|step| (start + step) % count)
            .filter(|slab| self.can_leave(*slab, class, needed))
            .take(MAX_CANDIDATES)
            .map(|slab| (self.reads_of(slab), slab))
            .filter(|(reads, _)| needed || *reads == 0)
            .collect();
        candidates.sort_unstable();
        candidates
            .into_iter()
            .find_map(|(_, slab)| self.move_slab(slab, class))
    }

    /// Whether a slab may be taken from its class for another one.
    fn can_leave(&self, slab: usize, class: usize, needed: bool) -> bool {
        let word = self.memory.load_slab(slab);
        let Some(other) = word.class().filter(|other| *other != class) else {
            return false;
        };
        let line = |class, word| self.memory.class_word(class, word).load(Ordering::Relaxed);
        // A class without evictions has entries that are older than any that was evicted.
        let is_older = line(other, class::EVICTIONS) == 0
            || line(other, class::AGE) / 2 > line(class, class::AGE);
        word.owner() == 0 && (needed || (is_older && line(other, class::SLABS) > 1))
    }

    /// Reads of the slab's entries since the clock hand has passed.
    fn reads_of(&self, slab: usize) -> u64 {
        let Some(class) = self.memory.load_slab(slab).class() else {
            return 0;
        };
        Memory::slab_blocks(slab, class)
            .map(|block| self.memory.load_block(block))
            .filter(|word| matches!(word.state(), BlockState::First | BlockState::Part))
            .map(|word| self.memory.load_slot(word.link()).reads())
            .sum()
    }

    /// Gives a slab to the class, and reserves a block of it.
    fn move_slab(&self, slab: usize, class: usize) -> Option<usize> {
        let found = self.memory.load_slab(slab);
        let former = found.class().filter(|_| found.owner() == 0)?;
        let changing = found.changing(former, self.owner);
        if !self.memory.swap_slab(slab, found, changing) || !self.drain(slab, former) {
            return None;
        }
        failpoint!("cache.slab.drained");
        let divided = changing.changing(class, self.owner);
        if !self.memory.swap_slab(slab, changing, divided) {
            return None;
        }
        self.divide(slab, class)
    }

    /// Removes all entries from a slab that this process changes. If that fails, because another process fills a
    /// block of it or an entry is pinned, the slab remains one of its class.
    fn drain(&self, slab: usize, class: usize) -> bool {
        self.memory
            .class_word(class, class::SLABS)
            .fetch_sub(1, Ordering::Relaxed);
        let drained = Memory::slab_blocks(slab, class).all(|block| self.drain_block(block));
        if !drained {
            self.restore_slab(slab, class);
        }
        drained
    }

    fn drain_block(&self, block: usize) -> bool {
        // A block changes a few times at most while it is drained: freed, published.
        for _ in 0..64 {
            let word = self.memory.load_block(block);
            let can_go = match word.state() {
                BlockState::Interior => return true,
                BlockState::Reserved => return false,
                BlockState::Free => true,
                BlockState::First | BlockState::Part => self.evict_block(block, word, false),
            };
            let new = word.next(BlockState::Interior, 0, 0);
            if can_go && self.memory.swap_block(block, word, new) {
                return true;
            }
        }
        false
    }

    /// Returns a slab to its class, with the drained blocks free.
    pub(super) fn restore_slab(&self, slab: usize, class: usize) {
        let mut free = Vec::new();
        for block in Memory::slab_blocks(slab, class) {
            let word = self.memory.load_block(block);
            let new = word.next(BlockState::Free, 0, 0);
            if word.state() == BlockState::Interior && self.memory.swap_block(block, word, new) {
                free.push((block, new));
            }
        }
        let word = self.memory.load_slab(slab);
        if !self.memory.swap_slab(slab, word, word.assigned(class)) {
            return;
        }
        self.memory
            .class_word(class, class::SLABS)
            .fetch_add(1, Ordering::Relaxed);
        for (block, word) in free {
            self.push(class, block, word);
        }
    }
}
