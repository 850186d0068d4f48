//! Returns the memory of a dead process: blocks that it had reserved, and those of entries that it had removed. On
//! PHP's threads and the leader's.

use std::sync::atomic::{Ordering, fence};

use super::super::{
    blocks::Blocks,
    memory::Memory,
    words::{BlockState, BlockWord},
};

/// Attempts to read the entry of a slot that other processes change.
const MAX_READS: usize = 64;

/// Returns the slabs and blocks that a dead owner had reserved, and the blocks of entries that it had removed. The
/// caller holds its lock.
pub(super) fn return_blocks(memory: &Memory, owner: usize) {
    let blocks = Blocks::new(memory, owner, 0, 0);
    for slab in 0..memory.layout.slab_count {
        let word = memory.load_slab(slab);
        let Some(class) = word.class() else { continue };
        if word.owner() == owner {
            blocks.restore_slab(slab, class);
        }
    }
    for block in 0..memory.layout.granules() {
        let word = memory.load_block(block);
        let is_reserved = word.state() == BlockState::Reserved && word.owner() == owner;
        let is_published = matches!(word.state(), BlockState::First | BlockState::Part);
        if !is_reserved && !is_published {
            continue;
        }
        match state_in_entry(memory, &blocks, block, word) {
            // The owner was killed after it had stored the entry.
            Membership::Member(state) if is_reserved => blocks.publish(block, word, state),
            Membership::Member(_) => {}
            // If a living process is about to free it, both try, and one succeeds.
            Membership::None => drop(blocks.free(block, word)),
            // A dead owner does not store an entry again.
            Membership::Unknown if is_reserved => drop(blocks.free(block, word)),
            Membership::Unknown => {}
        }
    }
}

/// Whether a block is one of the entry of its slot.
enum Membership {
    /// It is, in this state.
    Member(BlockState),
    /// It is not.
    None,
    /// Other processes change the slot all the time.
    Unknown,
}

fn state_in_entry(
    memory: &Memory,
    blocks: &Blocks<'_>,
    block: usize,
    word: BlockWord,
) -> Membership {
    if word.link() == 0 {
        return Membership::None;
    }
    for _ in 0..MAX_READS {
        let slot = memory.load_slot(word.link());
        let entry = blocks.blocks_of(slot);
        let entry = entry.filter(|entry| entry.contains(block));
        // The blocks of the entry are read before the slot is read again.
        fence(Ordering::Acquire);
        if memory.load_slot(word.link()).is_same(slot) {
            return entry.map_or(Membership::None, |entry| {
                Membership::Member(entry.state_of(block))
            });
        }
    }
    Membership::Unknown
}
