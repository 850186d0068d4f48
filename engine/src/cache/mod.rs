//! The first tier of the shared cache: a segment that all processes of the host with the same namespace map. A lookup
//! is lock-free; a store is one compare-and-swap of the key's slot under a lock that is taken over from a killed or
//! stopped holder. Values are copied in and out, and used only if their slot is unchanged. On PHP's threads.
//!
//! A killed process leaves blocks that no entry uses, which [`owners`] returns, and counts that are off by one; never
//! a lock, and never an entry that is half stored.

mod blocks;
mod class_line;
mod class_stats;
mod counts;
mod coverage;
pub mod encoding;
mod entry;
mod entry_blocks;
mod entry_content;
mod eviction;
mod fill;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod json;
mod key_lock;
mod layout;
mod locks;
mod lookup;
mod memory;
mod new_entry;
mod occupancy;
mod owners;
mod patience;
pub mod pattern;
mod pattern_counts;
mod policy;
mod producers;
mod production;
pub mod redis;
mod scan;
mod segment;
mod slabs;
mod stats;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod words;

use std::{io, path::Path, sync::atomic::Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::host::clock;

use blocks::Blocks;
use entry::{HashedKey, Kind};
use layout::header;
use memory::Memory;
use owners::Owners;
use stats::Counter;
use table::Found;

pub use class_stats::ClassStats;
pub use coverage::Coverage;
pub use entry::{Encoding, MAX_KEY, MAX_TAGS, MAX_VALUE, Space};
pub use fill::FillGuard;
pub use layout::{MAX_BYTES, MIN_BYTES};
pub use locks::HeldLock;
pub use pattern_counts::{PatternCounts, PatternEvent};
pub use policy::Policies;
pub use producers::{Holder, HolderWait, Producer, Producing};
pub use production::Production;
pub use scan::EntryInfo;
pub use stats::{SpaceCounts, Stats};
pub use value::{CachedValue, ChangeError, NewValue, Stored, Tag, Ttl, ValueReader, Version};

/// The cache of one namespace.
#[derive(Debug)]
pub struct Cache {
    memory: Memory,
    owners: Owners,
    /// The places of the patterns that are counted, by the numbers of their policies.
    patterns: Vec<Option<usize>>,
    seed: u64,
    is_smaller: bool,
}

impl Cache {
    /// Opens the cache at `path`, or creates it with so many bytes.
    ///
    /// # Errors
    /// The file is no segment of this version; no space; too many processes write; an I/O error.
    pub fn open(path: &Path, bytes: usize) -> io::Result<Self> {
        let memory = segment::open(path, bytes)?;
        let mut owners = Owners::open(path, &memory)?;
        owners.claim(&memory, std::process::id() as usize)?;
        owners.recover(&memory);
        Ok(Self {
            seed: memory.word(header::SEED).load(Ordering::Relaxed),
            is_smaller: memory.bytes() < segment::wanted(bytes),
            memory,
            owners,
            patterns: Vec::new(),
        })
    }

    /// Returns the memory that dead processes had reserved. Returns the number of these processes.
    pub fn recover(&self) -> usize {
        self.owners.recover(&self.memory)
    }

    /// Whether the segment is smaller than this process asked for: the file system had no more space when it was
    /// created, or its creator asked for less.
    #[must_use]
    pub const fn is_smaller(&self) -> bool {
        self.is_smaller
    }

    /// Bytes of the segment.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.memory.bytes() as u64
    }

    /// Values that the table has places for.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.memory.layout.bucket_count * (layout::BUCKET_WORDS - 1)
    }

    /// When the segment was created, in milliseconds since 1970.
    #[must_use]
    pub fn created_ms(&self) -> u64 {
        self.memory.word(header::CREATED).load(Ordering::Relaxed)
    }

    /// Whether the file at `path` is the mapped one.
    #[must_use]
    pub fn is_file_at(&self, path: &Path) -> bool {
        self.memory.segment().is_current(path)
    }

    /// Removes the value of a key. Returns `false` if it had none.
    pub fn delete(&self, key: &[u8]) -> bool {
        self.delete_in(Space::Values, key)
    }

    /// As [`Cache::delete`], in a space.
    pub fn delete_in(&self, space: Space, key: &[u8]) -> bool {
        let key = self.hashed(space.kind(), key);
        while let Some(found) = table::find(&self.memory, key) {
            let was_valid = self.is_valid(&found);
            if self.blocks(self.now()).remove(found.slot, found.word) {
                if was_valid {
                    self.count(Counter::Deletes);
                }
                return was_valid;
            }
        }
        false
    }

    /// The tag with its current version, for a value that is stored next.
    #[must_use]
    pub fn tag(&self, name: &[u8]) -> Tag {
        let number = self.tag_number(name);
        let version = self.memory.tag(number as usize).load(Ordering::Acquire) as u32;
        Tag(u64::from(number) << 32 | u64::from(version))
    }

    /// Makes all values with the tag invalid, and perhaps some with another one: tags share words.
    pub fn invalidate_tag(&self, name: &[u8]) {
        self.memory
            .tag(self.tag_number(name) as usize)
            .fetch_add(1, Ordering::AcqRel);
        self.count(Counter::Invalidations);
    }

    fn tag_number(&self, name: &[u8]) -> u32 {
        xxh3_64_with_seed(name, !self.seed) as u32
    }

    #[inline]
    fn hashed<'a>(&self, kind: Kind, bytes: &'a [u8]) -> HashedKey<'a> {
        HashedKey {
            kind,
            hash: xxh3_64_with_seed(bytes, self.seed ^ kind as u64),
            bytes,
        }
    }

    /// Whether the entry is neither expired nor has a tag that was invalidated.
    #[inline]
    fn is_valid(&self, found: &Found) -> bool {
        let head = &found.head;
        (head.expires == 0 || !head.is_expired(self.now()))
            && (head.tags == 0 || head.has_current_tags(&self.memory, found.block))
    }

    #[inline]
    fn count(&self, counter: Counter) {
        self.memory
            .counter(stats::stripe(), counter as usize)
            .fetch_add(1, Ordering::Relaxed);
    }

    fn blocks(&self, now: u64) -> Blocks<'_> {
        Blocks::new(&self.memory, self.owners.own(), stats::stripe(), now)
    }

    /// The time by which values expire, in milliseconds since boot.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        clock::coarse_ms()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.owners.release(&self.memory);
    }
}
