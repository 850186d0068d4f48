//! The index as words in a file. Fixed for [`SCHEMA`]: another layout is another schema and file name, so that two
//! versions of Pillion run side by side.
//!
//! ```text
//! header   512 words of 8 bytes, little-endian, see `word`
//! tags     one word a group, see `shm::groups`; rounded up to 512 words
//! slots    7 a group, 12 words each:
//!          0 sequence (low half, odd while written) | state   1 key   2-5 sha256   6 size
//!          7 created   8 expires   9 accessed (readers write it)   10 digest   11 build_ms | checksum
//! ```
//!
//! A record is in its home group or, where that is full, in a later one. The tags are small enough to stay in a
//! processor cache, so that a hit costs one access to memory even among millions of records, and a miss none. Pure
//! functions; any thread.

use crate::shm::groups::{self, GROUP_SLOTS, Probe};

/// Version of this layout; part of the file's name.
pub(in crate::artifacts) const SCHEMA: u64 = 1;
/// The first word of every index, of all schemas.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"PILLIDX\n");

pub(super) const HEADER_WORDS: usize = 512;
pub(super) const SLOT_WORDS: usize = 12;
/// Maximum groups that a search visits. In a full index, the farthest of a million records is some 40 groups from home.
const MAX_PROBES: usize = 128;
/// More would need 512 GiB.
const MAX_CAPACITY: u32 = u32::MAX / 2;

/// Positions of the header's words.
pub(super) mod word {
    pub const MAGIC: usize = 0;
    pub const SCHEMA: usize = 1;
    pub const CAPACITY: usize = 2;
    pub const GROUPS: usize = 3;
    /// Hash of the boot id: after a crash of the machine, the pages are of different ages.
    pub const BOOT: usize = 4;
    /// Even: filled from the disk at least once. Odd: not yet.
    pub const EPOCH: usize = 5;
    /// Not 0: the disk has changes that the index missed.
    pub const RESCAN: usize = 6;
    /// Two keys with a change that may be in progress, each with a word that is 1 while it is.
    pub const PENDING: [(usize, usize); 2] = [(7, 8), (9, 10)];
    pub const ENTRIES: usize = 11;
    pub const BYTES: usize = 12;
    /// Number of changes, for exports.
    pub const CHANGES: usize = 13;
    pub const EXPORTED: usize = 14;
    /// Position up to which the journal was applied.
    pub const LOG_FILE: usize = 15;
    pub const LOG_OFFSET: usize = 16;
    /// The directory at which the next scan goes on.
    pub const WALK: usize = 17;
    pub const EVICTED_EXPIRED: usize = 18;
    pub const EVICTED_LRU: usize = 19;
    /// The wall clock less the boot clock at the last cleaning, in milliseconds; 0: unknown.
    pub const CLOCK: usize = 20;
}

/// Sizes derived from the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub capacity: u32,
    pub groups: usize,
}

impl Geometry {
    /// A quarter more slots than records, so that searches are short.
    pub(super) fn of(capacity: u32) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let slots = capacity as usize + (capacity as usize).div_ceil(4);
        Self {
            capacity,
            groups: slots.div_ceil(GROUP_SLOTS).max(2),
        }
    }

    pub(super) const fn slots(self) -> usize {
        self.groups * GROUP_SLOTS
    }

    /// Position of a group's tags.
    #[inline]
    pub(super) const fn tags(self, group: usize) -> usize {
        HEADER_WORDS + group
    }

    /// Position of a slot's first word.
    #[inline]
    pub(super) const fn slot(self, slot: usize) -> usize {
        HEADER_WORDS + self.groups.next_multiple_of(HEADER_WORDS) + slot * SLOT_WORDS
    }

    pub(super) const fn bytes(self) -> usize {
        (self.slot(self.slots()) * 8).next_multiple_of(4096)
    }

    /// The groups that a search for this hash visits, in order.
    #[inline]
    pub(super) fn probe(self, hash: u64) -> Probe {
        groups::probe(hash, self.groups, MAX_PROBES)
    }

    #[inline]
    pub(super) const fn home(self, hash: u64) -> usize {
        groups::home(hash, self.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_entries_fit_into_two_million_bytes() {
        let geometry = Geometry::of(16_384);
        assert!(geometry.bytes() <= 2_000_000, "{}", geometry.bytes());
        assert!(geometry.slots() * 4 >= 16_384 * 5);
    }

    #[test]
    fn slots_lie_behind_the_tags_and_inside_the_file() {
        for capacity in [1, 7, 100, 16_384, 1_000_000] {
            let geometry = Geometry::of(capacity);
            assert!(geometry.tags(geometry.groups - 1) < geometry.slot(0));
            assert!(geometry.slot(geometry.slots()) * 8 <= geometry.bytes());
            assert_eq!(geometry.slot(0) * 8 % 4096, 0);
        }
    }
}
