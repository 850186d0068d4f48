//! Which values of the first tier the second one reports as changed: each value that a process has read from there or
//! has sent there has a tag of that process. When its connection ends, the process changes the word of the tag, and all
//! values that the connection covered are invalid; for a killed process, the next one that finds it dead does. Values
//! that are stored while there is no connection have a tag of the host, which the next process that connects changes.
//! Any thread.

use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Cache, layout::header, memory::Memory, value::Tag};

/// How a value is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// The connection of the process reports when it changes.
    Tracked,
    /// It was stored while there was no connection.
    Untracked,
}

impl Cache {
    /// The tag of values of this process with that coverage.
    #[must_use]
    pub fn covered(&self, coverage: Coverage) -> Tag {
        let number = number(&self.memory, self.owners.own(), coverage);
        let version = self.memory.tag(number as usize).load(Ordering::Acquire) as u32;
        Tag(u64::from(number) << 32 | u64::from(version))
    }

    /// Makes all values with that coverage invalid, of this process or of the host.
    pub fn drop_covered(&self, coverage: Coverage) {
        drop_of(&self.memory, self.owners.own(), coverage);
    }
}

/// Makes all values invalid that the connection of a process covers.
pub(super) fn drop_tracked_of(memory: &Memory, owner: usize) {
    drop_of(memory, owner, Coverage::Tracked);
}

fn drop_of(memory: &Memory, owner: usize, coverage: Coverage) {
    memory
        .tag(number(memory, owner, coverage) as usize)
        .fetch_add(1, Ordering::AcqRel);
}

fn number(memory: &Memory, owner: usize, coverage: Coverage) -> u32 {
    let seed = memory.word(header::SEED).load(Ordering::Relaxed);
    let owner = match coverage {
        Coverage::Tracked => owner as u64,
        Coverage::Untracked => u64::MAX,
    };
    xxh3_64_with_seed(&owner.to_le_bytes(), seed.rotate_left(17)) as u32
}
