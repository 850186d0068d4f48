//! Allocates and frees blocks without a lock: a killed process leaves at most the blocks that it had reserved, which
//! [`super::owners`] returns, and a stopped one delays no other. A block comes from the free list of its class, from a
//! slab ([`super::slabs`]), or from an entry that is evicted ([`super::eviction`]). A change swaps the word of a block
//! from the value that was read, so that of two processes one succeeds. Any thread.

use super::{
    class_line as class,
    entry::{Head, Kind},
    entry_blocks::EntryBlocks,
    layout::{SLAB_GRANULES, class_blocks},
    memory::Memory,
    new_entry::Plan,
    occupancy::Occupancy,
    stats::Counter,
    words::{BlockState, BlockWord, SlotWord},
};
use crate::{
    failpoint::failpoint,
    sync::atomic::{AtomicU64, Ordering, fence},
};

/// Bits of a block in the head of a free list.
const FREE_BLOCK_BITS: u32 = 28;
/// Blocks that a search takes from the free list, and finds in use.
const MAX_POPS: usize = 16;

/// Allocates for one owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'a> {
    pub(super) memory: &'a Memory,
    /// Number of this process.
    pub(super) owner: usize,
    /// Stripe of the counters.
    pub(super) stripe: usize,
    /// Milliseconds since boot.
    pub(super) now: u64,
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

    /// Counts that an entry was removed.
    pub(super) fn count_removed(&self, entry: &EntryBlocks) {
        Occupancy::default()
            .less(Occupancy::of(&entry.head))
            .count(self.memory, self.stripe);
    }

    /// Frees the blocks of an entry that no slot refers to any more, but for `kept`.
    pub(super) fn free_entry(&self, entry: &EntryBlocks, kept: Option<usize>) {
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

    pub(super) fn class_of(&self, block: usize) -> Option<usize> {
        self.memory.load_slab(block / SLAB_GRANULES).class()
    }

    pub(super) fn take(&self, block: usize, old: BlockWord) -> bool {
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
    pub(super) fn push(&self, class: usize, block: usize, mut word: BlockWord) {
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

    /// Removes an entry if its slot still has the word `found`.
    pub(super) fn remove(&self, slot: usize, found: SlotWord) -> bool {
        let Some(entry) = self.blocks_of(found) else {
            return false;
        };
        let removed = self.memory.swap_slot(slot, found, found.emptied());
        if removed {
            failpoint!("cache.entry.removed");
            self.count_removed(&entry);
            self.free_entry(&entry, None);
        }
        removed
    }

    /// Counts a stored entry, which may have replaced another one.
    pub(super) fn count_stored(&self, head: &Head, kind: Kind, replaced: Option<&EntryBlocks>) {
        if kind == Kind::Value {
            self.memory
                .counter(self.stripe, Counter::Stores as usize)
                .fetch_add(1, Ordering::Relaxed);
        }
        let before = replaced.map_or_else(Occupancy::default, |entry| Occupancy::of(&entry.head));
        Occupancy::of(head)
            .less(before)
            .count(self.memory, self.stripe);
    }

    /// Reserves the blocks for an entry of so many bytes. Returns the first block and the others; frees them all if
    /// there is not enough memory.
    pub(super) fn reserve_entry(&self, plan: &Plan) -> Option<(usize, Vec<usize>)> {
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
