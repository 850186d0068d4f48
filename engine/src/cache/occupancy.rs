//! What entries take up: their number, granules and bytes. A process counts each entry that it stores or removes, so
//! that the sums are known without a visit of the blocks. A killed process may not have counted its last one: the
//! process that returns its blocks counts all blocks and corrects the sums. If others store meanwhile, it corrects by
//! what is certain, and the leader repeats that a few times. Any thread.

use std::sync::atomic::Ordering;

use super::{
    entry::Head,
    layout::{class_granules, header},
    memory::Memory,
    stats::{self, Counter},
    words::BlockState,
};

/// Counts of all blocks after the death of a process, while none of them is exact.
const MAX_TRIES: u64 = 8;
/// Bits of the tries that are left in the word [`header::RECOUNT_DUE`]; the rest counts the deaths.
const TRIES_BITS: u32 = 8;

/// What entries take up, or a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Occupancy {
    /// Number of entries.
    pub(super) entries: i64,
    /// Granules of their blocks.
    pub(super) granules: i64,
    /// Bytes of their content.
    pub(super) bytes: i64,
}

impl Occupancy {
    /// That of one entry.
    pub(super) fn of(head: &Head) -> Self {
        Self {
            entries: 1,
            granules: head.granules() as i64,
            bytes: head.stored_bytes() as i64,
        }
    }

    /// The sums of what was counted.
    pub(super) fn counted(memory: &Memory) -> Self {
        let packed = stats::sum(memory, Counter::Entries);
        let granules = i64::from((packed as u32).cast_signed());
        let entries = packed.wrapping_sub(granules.cast_unsigned()) >> 32;
        Self {
            entries: i64::from((entries as u32).cast_signed()),
            granules,
            bytes: stats::sum(memory, Counter::Bytes).cast_signed(),
        }
    }

    /// That of all blocks, which are visited. A block that is reserved counts, and is no entry.
    pub(super) fn of_blocks(memory: &Memory) -> Self {
        let mut all = Self::default();
        for slab in 0..memory.layout.slab_count {
            let Some(class) = memory.load_slab(slab).class() else {
                continue;
            };
            for block in Memory::slab_blocks(slab, class) {
                let state = memory.load_block(block).state();
                if matches!(state, BlockState::Free | BlockState::Interior) {
                    continue;
                }
                all.granules += class_granules(class) as i64;
                if state == BlockState::First {
                    all.entries += 1;
                    all.bytes += Head::load(memory, block).stored_bytes() as i64;
                }
            }
        }
        all
    }

    /// The difference to another one.
    pub(super) const fn less(self, other: Self) -> Self {
        Self {
            entries: self.entries - other.entries,
            granules: self.granules - other.granules,
            bytes: self.bytes - other.bytes,
        }
    }

    /// Adds a difference to the counters of a stripe.
    pub(super) fn count(self, memory: &Memory, stripe: usize) {
        let packed = (self.entries << 32).wrapping_add(self.granules);
        for (counter, value) in [(Counter::Entries, packed), (Counter::Bytes, self.bytes)] {
            if value != 0 {
                memory
                    .counter(stripe, counter as usize)
                    .fetch_add(value.cast_unsigned(), Ordering::Relaxed);
            }
        }
    }
}

/// Demands a count of all blocks, after the death of a process.
pub(super) fn demand_recount(memory: &Memory) {
    let update = |due: u64| Some(((due >> TRIES_BITS) + 1) << TRIES_BITS | MAX_TRIES);
    let due = memory.word(header::RECOUNT_DUE);
    let _ = due.fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
}

/// Lets others count: `owner` has died, perhaps while it counted.
pub(super) fn give_recount_up(memory: &Memory, owner: usize) {
    let holder = memory.word(header::RECOUNTING);
    let _ = holder.compare_exchange(owner as u64, 0, Ordering::AcqRel, Ordering::Acquire);
}

/// Counts all blocks and corrects the sums, if that is due and no other process does so.
pub(super) fn recount_if_due(memory: &Memory, owner: usize) {
    let (due, holder) = (
        memory.word(header::RECOUNT_DUE),
        memory.word(header::RECOUNTING),
    );
    let demanded = due.load(Ordering::Acquire);
    let tries = demanded & ((1 << TRIES_BITS) - 1);
    if tries == 0
        || holder
            .compare_exchange(0, owner as u64, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
    {
        return;
    }
    let before = Occupancy::counted(memory);
    let found = Occupancy::of_blocks(memory);
    let after = Occupancy::counted(memory);
    let (one, other) = (found.less(before), found.less(after));
    let drift = Occupancy {
        entries: certain(one.entries, other.entries),
        granules: certain(one.granules, other.granules),
        bytes: certain(one.bytes, other.bytes),
    };
    drift.count(memory, 0);
    let left = if before == after { 0 } else { tries - 1 };
    let next = demanded - tries + left;
    let _ = due.compare_exchange(demanded, next, Ordering::AcqRel, Ordering::Acquire);
    holder.store(0, Ordering::Release);
}

/// The smaller one of two differences of the same sign; 0 if they have different ones.
const fn certain(one: i64, other: i64) -> i64 {
    match (one.signum(), other.signum()) {
        (1, 1) if one < other => one,
        (1, 1) => other,
        (-1, -1) if one > other => one,
        (-1, -1) => other,
        _ => 0,
    }
}
