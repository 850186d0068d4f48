//! Allocates blocks and evicts entries, without a lock: a killed process leaves at most the blocks that it had
//! reserved, which [`super::recovery`] returns, and a stopped one delays no other. A block comes from the free list of
//! its class, from an unused slab, or from an entry that the clock hand of the class evicts: one that was not read
//! since the hand passed. A class that evicts younger entries than others takes a slab from them. Any thread.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::{
    entry::{self, Head},
    layout::{SLAB_GRANULES, class_blocks, class_granules, header},
    memory::Memory,
    stats::Counter,
    words::{self, BlockState, BlockWord, SlotWord},
};
use crate::failpoint::failpoint;

/// Words of a class's line.
mod class {
    /// Head of the free list: the block plus one, and a count of changes above it.
    pub(super) const FREE: usize = 0;
    /// Clock hand: a slab, and a block in it.
    pub(super) const HAND: usize = 1;
    /// Number of slabs.
    pub(super) const SLABS: usize = 2;
    /// Number of evicted entries.
    pub(super) const EVICTIONS: usize = 3;
    /// Age of the last evicted entry, in milliseconds.
    pub(super) const AGE: usize = 4;
}

/// Bits of a block in the head of a free list.
const FREE_BLOCK_BITS: u32 = 28;
/// Steps of the clock hand that spare entries which were read.
const MAX_SPARING_STEPS: usize = 96;
/// Steps of the clock hand in all.
const MAX_STEPS: usize = 192;
/// Slabs among which the one to be reassigned is chosen.
const MAX_CANDIDATES: usize = 8;
/// Blocks that a search takes from the free list, and finds in use.
const MAX_POPS: usize = 16;

/// The blocks of an entry with their words, read before its slot is changed: each is freed from that word only.
#[derive(Debug)]
pub(super) struct EntryBlocks {
    head: Head,
    first: (usize, BlockWord),
    parts: Vec<(usize, BlockWord)>,
}

impl EntryBlocks {
    /// The state of one of them.
    pub(super) fn state_of(&self, block: usize) -> BlockState {
        if self.first.0 == block {
            BlockState::First
        } else {
            BlockState::Part
        }
    }

    /// All blocks.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first.0).chain(self.parts.iter().map(|part| part.0))
    }

    /// Whether a block is one of them.
    pub(super) fn contains(&self, block: usize) -> bool {
        self.first.0 == block || self.parts.iter().any(|part| part.0 == block)
    }
}

/// Allocates for one owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'a> {
    memory: &'a Memory,
    /// Number of the owner slot of this process.
    owner: usize,
    /// Stripe of the counters.
    stripe: usize,
    /// Milliseconds since boot.
    now: u64,
}

impl<'a> Blocks<'a> {
    pub(super) const fn new(memory: &'a Memory, owner: usize, stripe: usize, now: u64) -> Self {
        Self {
            memory,
            owner,
            stripe,
            now,
        }
    }

    /// Reserves a block of the class. Returns its first granule, or `None` if all memory is reserved or pinned.
    pub(super) fn reserve(&self, class: usize) -> Option<usize> {
        if let Some(block) = self.pop(class).or_else(|| self.use_new_slab(class)) {
            return Some(block);
        }
        let line = |word| self.memory.class_word(class, word);
        let evictions = line(class::EVICTIONS).load(Ordering::Relaxed);
        let has_slabs = line(class::SLABS).load(Ordering::Relaxed) > 0;
        let is_due = evictions.is_multiple_of(2 * class_blocks(class) as u64 + 1);
        if (!has_slabs || is_due)
            && let Some(block) = self.reassign_slab(class, !has_slabs)
        {
            return Some(block);
        }
        self.evict(class)
            .or_else(|| self.reassign_slab(class, true))
    }

    /// Frees a block, if its word still is `old`. Else another process has taken it.
    pub(super) fn free(&self, block: usize, old: BlockWord) -> bool {
        let new = old.next(BlockState::Free, 0, 0);
        let Some(class) = self.class_of(block) else {
            return false;
        };
        let is_freed = self.memory.swap_block(block, old, new);
        if is_freed {
            self.push(class, block, new);
        }
        is_freed
    }

    /// Frees blocks that this process has reserved and no slot refers to.
    pub(super) fn free_reserved(&self, blocks: impl IntoIterator<Item = usize>) {
        for block in blocks {
            self.free(block, self.memory.load_block(block));
        }
    }

    /// Sets the slot of a reserved block, before the slot refers to it. Returns the block's word.
    pub(super) fn set_slot(&self, block: usize, slot: usize) -> BlockWord {
        let old = self.memory.load_block(block);
        let new = old.next(BlockState::Reserved, self.owner, slot);
        self.memory.swap_block(block, old, new);
        new
    }

    /// Marks a block as one of its slot's entry. Has no effect if the entry was removed meanwhile.
    pub(super) fn publish(&self, block: usize, reserved: BlockWord, state: BlockState) {
        self.memory
            .swap_block(block, reserved, reserved.next(state, 0, reserved.link()));
    }

    /// The blocks of the entry that a slot refers to, as long as the slot has the word `found`.
    pub(super) fn blocks_of(&self, found: SlotWord) -> Option<EntryBlocks> {
        let first = found.block()?;
        let head = Head::load(self.memory, first);
        let word = |block| (block, self.memory.load_block(block));
        Some(EntryBlocks {
            head,
            first: word(first),
            parts: (0..head.parts())
                .map(|part| word(head.part(self.memory, first, part)))
                .collect(),
        })
    }

    /// Frees the blocks of an entry that no slot refers to any more, but for `kept`.
    pub(super) fn free_entry(&self, entry: &EntryBlocks, kept: Option<usize>) {
        let counter = |counter: Counter| self.memory.counter(self.stripe, counter as usize);
        counter(Counter::Bytes).fetch_sub(entry.head.stored_bytes() as u64, Ordering::Relaxed);
        for (block, word) in std::iter::once(&entry.first).chain(&entry.parts) {
            if Some(*block) == kept || self.free(*block, *word) {
                continue;
            }
            // The process that stored the entry has published the block after its word was read.
            if word.state() == BlockState::Reserved {
                self.free(*block, word.next(entry.state_of(*block), 0, word.link()));
            }
        }
    }

    fn class_of(&self, block: usize) -> Option<usize> {
        self.memory.load_slab(block / SLAB_GRANULES).class()
    }

    fn take(&self, block: usize, old: BlockWord) -> bool {
        let taken = old.next(BlockState::Reserved, self.owner, 0);
        let is_taken = self.memory.swap_block(block, old, taken);
        if is_taken {
            failpoint!("cache.block.reserved");
            // A reader of the former entry that sees a store from below sees its slot changed too.
            fence(Ordering::Release);
        }
        is_taken
    }

    /// Takes a block from the free list.
    fn pop(&self, class: usize) -> Option<usize> {
        let list = self.memory.class_word(class, class::FREE);
        for _ in 0..MAX_POPS {
            let head = list.load(Ordering::Acquire);
            let block = (head & ((1 << FREE_BLOCK_BITS) - 1)).checked_sub(1)? as usize;
            let word = self.memory.load_block(block);
            // The clock hand takes free blocks without unlinking them; the rest of the list is lost then, until the
            // hand finds its blocks one by one.
            let is_linked = word.state() == BlockState::Free
                && self.memory.load_slab(block / SLAB_GRANULES).serves(class);
            let next = if is_linked { word.link() as u64 } else { 0 };
            if swap_list(list, head, next) && is_linked && self.take(block, word) {
                return Some(block);
            }
        }
        None
    }

    /// Puts a free block in front of the free list.
    fn push(&self, class: usize, block: usize, mut word: BlockWord) {
        let list = self.memory.class_word(class, class::FREE);
        loop {
            let head = list.load(Ordering::Acquire);
            let first = head & ((1 << FREE_BLOCK_BITS) - 1);
            let linked = word.next(BlockState::Free, 0, first as usize);
            if !self.memory.swap_block(block, word, linked)
                || swap_list(list, head, block as u64 + 1)
            {
                return;
            }
            word = linked;
        }
    }

    /// Makes an unused slab one of the class, and reserves its first block.
    fn use_new_slab(&self, class: usize) -> Option<usize> {
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

    /// Moves the clock hand of the class until it has a block.
    fn evict(&self, class: usize) -> Option<usize> {
        for step in 0..MAX_STEPS {
            let block = self.advance_hand(class)?;
            let word = self.memory.load_block(block);
            // The slab may have got another class since the hand has moved. If it gets one from here on, the word of the
            // block changes.
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
    fn evict_block(&self, block: usize, word: BlockWord, spare: bool) -> bool {
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
        self.free_entry(entry, Some(kept));
    }

    /// Counts a stored entry of so many bytes.
    pub(super) fn count_stored(&self, bytes: usize) {
        let counter = |counter: Counter| self.memory.counter(self.stripe, counter as usize);
        counter(Counter::Stores).fetch_add(1, Ordering::Relaxed);
        counter(Counter::Bytes).fetch_add(bytes as u64, Ordering::Relaxed);
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

    /// Takes a slab from another class: of a few, the one whose entries were read least. Unless `needed`, only one
    /// without entries that were read lately, of a class that last evicted an entry twice as old.
    fn reassign_slab(&self, class: usize, needed: bool) -> Option<usize> {
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
            || line(other, class::AGE) > 2 * line(class, class::AGE);
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

    /// Removes an entry if its slot still has the word `found`.
    pub(super) fn remove(&self, slot: usize, found: SlotWord) -> bool {
        let Some(entry) = self.blocks_of(found) else {
            return false;
        };
        let removed = self.memory.swap_slot(slot, found, found.emptied());
        if removed {
            failpoint!("cache.entry.removed");
            self.free_entry(&entry, None);
        }
        removed
    }

    /// Slabs and evicted entries of a class.
    pub(super) fn class_figures(memory: &Memory, class: usize) -> (u64, u64) {
        let line = |word| memory.class_word(class, word).load(Ordering::Relaxed);
        (line(class::SLABS), line(class::EVICTIONS))
    }

    /// Reserves the blocks for an entry of so many bytes. Returns the first block and the others; frees them all if
    /// there is not enough memory.
    pub(super) fn reserve_entry(&self, plan: &entry::Plan) -> Option<(usize, Vec<usize>)> {
        let first = self.reserve(plan.first_class)?;
        let mut parts = Vec::new();
        for class in plan.part_classes() {
            let Some(part) = self.reserve(class) else {
                self.free_reserved(parts);
                self.free_reserved([first]);
                return None;
            };
            parts.push(part);
        }
        Some((first, parts))
    }
}

fn swap_list(list: &AtomicU64, head: u64, first: u64) -> bool {
    let changes = (head >> FREE_BLOCK_BITS).wrapping_add(1);
    list.compare_exchange(
        head,
        changes << FREE_BLOCK_BITS | first,
        Ordering::AcqRel,
        Ordering::Acquire,
    )
    .is_ok()
}
