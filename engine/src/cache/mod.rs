//! The first tier of the shared cache: a segment that all processes of the host with the same namespace map. A lookup
//! is lock-free; a store is one compare-and-swap of the key's slot under a lock that is taken over from a killed or
//! stopped holder. Values are copied in and out, and used only if their slot is unchanged. On PHP's threads.
//!
//! A killed process leaves blocks that no entry uses, which [`owners`] returns, and counts that are off by one; never
//! a lock, and never an entry that is half stored.

mod blocks;
mod class_line;
mod class_stats;
mod coverage;
pub mod encoding;
mod entry;
mod entry_blocks;
mod eviction;
mod fill;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod json;
mod key_lock;
mod layout;
mod locks;
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

use std::{io, path::Path, sync::atomic::Ordering, time::Duration};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::host::clock;

use blocks::Blocks;
use entry::{HashedKey, Kind};
use layout::header;
use memory::Memory;
use owners::Owners;
use stats::Counter;
use table::Found;
use words::MAX_READ_MARKS;

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
        let (memory, is_smaller) = segment::open(path, bytes)?;
        let mut owners = Owners::open(path, &memory)?;
        owners.claim(&memory, std::process::id() as usize)?;
        owners.recover(&memory);
        Ok(Self {
            seed: memory.word(header::SEED).load(Ordering::Relaxed),
            memory,
            owners,
            patterns: Vec::new(),
            is_smaller,
        })
    }

    /// Returns the memory that dead processes had reserved. Returns the number of these processes.
    pub fn recover(&self) -> usize {
        self.owners.recover(&self.memory)
    }

    /// Whether the segment is smaller than this process asked for, because the file system had no more space.
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

    /// Reads the value of a key by `read`, which may run again when the value changes meanwhile; only the last result
    /// counts. Returns `None` if there is no value.
    #[inline]
    pub fn get<T>(&self, key: &[u8], read: impl FnMut(&ValueReader<'_>) -> T) -> Option<T> {
        self.get_with_version(key, read).map(|(value, _)| value)
    }

    /// As [`Cache::get`]; returns the version of the value too.
    #[inline]
    pub fn get_with_version<T>(
        &self,
        key: &[u8],
        read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        self.get_in(Space::Values, key, read)
    }

    /// As [`Cache::get_with_version`], in a space.
    #[inline]
    pub fn get_in<T>(
        &self,
        space: Space,
        key: &[u8],
        read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let value = self.get_to_count_in(space, key, read);
        if value.is_some() {
            self.count_hits_in(space, 1);
        }
        value
    }

    /// As [`Cache::get_in`]; the caller counts the hit.
    #[inline]
    pub fn get_to_count_in<T>(
        &self,
        space: Space,
        key: &[u8],
        mut read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let value = self.read_if(space, key, &mut read, |found| self.is_valid(found));
        if value.is_none() {
            self.count(Counter::misses(space));
        }
        value
    }

    /// As [`Cache::get_with_version`], and counts neither a hit nor a miss: for a lookup that is repeated. With `stale`,
    /// also a value whose lifetime ended so long ago at most, if it was stored to be kept for that time.
    pub fn get_again<T>(
        &self,
        key: &[u8],
        stale: Duration,
        mut read: impl FnMut(&ValueReader<'_>) -> T,
    ) -> Option<(T, Version)> {
        let limit = u64::try_from(stale.as_millis()).unwrap_or(u64::MAX);
        self.read_if(Space::Values, key, &mut read, |found| {
            let kept = found.head.production().map_or(0, Production::stale_ms);
            let until = found.head.expires.saturating_add(kept.min(limit));
            (found.head.expires == 0 || until > self.now())
                && found.head.has_current_tags(&self.memory, found.block)
        })
    }

    #[inline]
    fn read_if<T>(
        &self,
        space: Space,
        key: &[u8],
        read: &mut impl FnMut(&ValueReader<'_>) -> T,
        is_wanted: impl Fn(&Found) -> bool,
    ) -> Option<(T, Version)> {
        let key = self.hashed(space.kind(), key);
        table::read(&self.memory, key, |found| {
            is_wanted(found).then(|| {
                let reader = ValueReader {
                    memory: &self.memory,
                    found,
                };
                let value = read(&reader);
                found.mark_read(&self.memory);
                (value, Version::of(&self.memory, found))
            })
        })
        .flatten()
    }

    /// Whether a value of `remember()` is to be produced anew before it expires, by this one of its readers: see
    /// [`Production`]. `now` is the time of its check, `random` draws from 0 (excluded) to 1.
    #[must_use]
    #[inline]
    pub fn is_refresh_due(
        &self,
        version: &Version,
        now: u64,
        beta: f64,
        random: impl FnOnce() -> f64,
    ) -> bool {
        match version.production {
            Some(production) if version.expires != 0 => {
                let left = version.expires.saturating_sub(now);
                production.is_refresh_due(left, beta, random)
            }
            _ => false,
        }
    }

    /// Whether the value of that version is still the stored one, expired or not.
    #[must_use]
    pub fn is_stored_version(&self, version: &Version) -> bool {
        self.memory.load_slot(version.slot).is_same(version.word)
    }

    /// Checks whether a key still has the value of that version: one load, one for each tag, and the clock for a value
    /// that expires. Marks it as read; the caller counts the hit. Returns the time of the check, 0 for a value that does
    /// not expire; `None` if the key has another value or none.
    #[must_use]
    #[inline]
    pub fn check_version(&self, version: &Version) -> Option<u64> {
        self.check_version_at(version, || self.now())
    }

    /// As [`Cache::check_version`], with a clock that is read for a value that expires: for several values, one time of
    /// [`Cache::now`] is enough.
    #[must_use]
    #[inline]
    pub fn check_version_at(&self, version: &Version, now: impl FnOnce() -> u64) -> Option<u64> {
        let word = self.memory.load_slot(version.slot);
        if !word.is_same(version.word) {
            return None;
        }
        let now = match version.expires {
            0 => 0,
            expires => Some(now()).filter(|now| *now < expires)?,
        };
        if !version.has_current_tags(&self.memory) {
            return None;
        }
        if word.reads() < MAX_READ_MARKS {
            self.memory.add_read(version.slot);
        }
        Some(now)
    }

    /// Counts a value that the caller did not store, because it is too large.
    pub fn count_refused(&self) {
        self.count(Counter::Refused);
    }

    /// Counts lookups that found a value.
    #[inline]
    pub fn count_hits(&self, hits: u64) {
        self.count_hits_in(Space::Values, hits);
    }

    /// As [`Cache::count_hits`], in a space.
    #[inline]
    pub fn count_hits_in(&self, space: Space, hits: u64) {
        self.memory
            .counter(stats::stripe(), Counter::hits(space) as usize)
            .fetch_add(hits, Ordering::Relaxed);
    }

    /// Whether a key has a value. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        self.has_in(Space::Values, key)
    }

    /// As [`Cache::has`], in a space.
    #[must_use]
    pub fn has_in(&self, space: Space, key: &[u8]) -> bool {
        let key = self.hashed(space.kind(), key);
        table::read(&self.memory, key, |found| self.is_valid(found)) == Some(true)
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

    /// The state of the cache.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::collect(&self.memory)
    }

    /// Lookups of a space that found a value, and those that found none, since the segment was created.
    #[must_use]
    pub fn lookups_in(&self, space: Space) -> (u64, u64) {
        let sum = |counter| stats::sum(&self.memory, counter);
        (sum(Counter::hits(space)), sum(Counter::misses(space)))
    }

    /// Lookups and values of a space. Visits the whole table.
    #[must_use]
    pub fn counts_in(&self, space: Space) -> SpaceCounts {
        let (entries, bytes) = self.size_of(space);
        let (hits, misses) = self.lookups_in(space);
        SpaceCounts {
            hits,
            misses,
            stores: stats::sum(&self.memory, Counter::stores(space)),
            entries,
            bytes,
        }
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

    fn value_bytes(&self, found: &Found) -> Vec<u8> {
        ValueReader {
            memory: &self.memory,
            found,
        }
        .to_vec()
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
