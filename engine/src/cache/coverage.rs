//! Which values of the first tier the second one reports as changed: each value that a process has read from there or
//! has sent there has a tag of that process. When its connection ends, the process changes the word of the tag, and all
//! values that the connection covered are invalid; for a killed process, the next one that finds it dead does. Any
//! thread.

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

    /// Makes all values of this process with that coverage invalid.
    pub fn drop_covered(&self, coverage: Coverage) {
        drop_of(&self.memory, self.owners.own(), coverage);
    }
}

/// Makes all covered values of a process invalid.
pub(super) fn drop_all_of(memory: &Memory, owner: usize) {
    drop_of(memory, owner, Coverage::Tracked);
    drop_of(memory, owner, Coverage::Untracked);
}

fn drop_of(memory: &Memory, owner: usize, coverage: Coverage) {
    memory
        .tag(number(memory, owner, coverage) as usize)
        .fetch_add(1, Ordering::AcqRel);
}

fn number(memory: &Memory, owner: usize, coverage: Coverage) -> u32 {
    let seed = memory.word(header::SEED).load(Ordering::Relaxed);
    let kind = u64::from(coverage == Coverage::Untracked);
    xxh3_64_with_seed(&(owner as u64).to_le_bytes(), seed.rotate_left(17) ^ kind) as u32
}
