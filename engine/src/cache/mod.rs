//! The first tier of the shared cache: a segment that all processes of the host with the same namespace map. A lookup
//! is lock-free; a store is one compare-and-swap of the key's slot under a lock that is taken over from a killed or
//! stopped holder. Values are copied in and out, and used only if their slot is unchanged. On PHP's threads.
//!
//! A killed process leaves blocks that no entry uses, which [`recovery`] returns, and counts that are off by one; never
//! a lock, and never an entry that is half stored.

mod blocks;
mod entry;
mod layout;
mod locks;
mod memory;
mod owners;
pub mod pattern;
mod segment;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::{io, path::Path, sync::atomic::Ordering, time::Duration};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{failpoint::failpoint, host::clock};

use blocks::Blocks;
use entry::{HashedKey, Kind, NewEntry};
use layout::header;
use memory::Memory;
use owners::Owners;
use stats::Counter;
use table::{Found, KeyLock};
use words::{BlockState, SlotWord};

pub use entry::{Encoding, MAX_KEY, MAX_TAGS, MAX_VALUE};
pub use layout::{MAX_BYTES, MIN_BYTES};
pub use locks::HeldLock;
pub use stats::{ClassStats, Stats};

/// Attempts to change a value that other processes change too.
const MAX_CHANGES: usize = 10_000;

/// The cache of one namespace.
#[derive(Debug)]
pub struct Cache {
    memory: Memory,
    owners: Owners,
    seed: u64,
    is_smaller: bool,
}

/// How long a value stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// Until it is evicted or removed.
    Forever,
    /// So long; zero: it is expired at once.
    For(Duration),
}

impl Ttl {
    fn expires(self, now: u64) -> u64 {
        match self {
            Self::Forever => 0,
            Self::For(time) => now.saturating_add(
                u64::try_from(time.as_millis())
                    .unwrap_or(u64::MAX)
                    .clamp(1, 1 << 48),
            ),
        }
    }
}

/// A value to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewValue<'a> {
    /// Its bytes, at most [`MAX_VALUE`].
    pub bytes: &'a [u8],
    /// Their encoding, returned with them.
    pub encoding: Encoding,
    /// When it expires.
    pub ttl: Ttl,
    /// Its tags, at most [`MAX_TAGS`].
    pub tags: &'a [Tag],
}

/// A tag with its version: [`Cache::tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

/// The result of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Yes,
    /// The condition did not hold.
    No,
    /// It is too large, or all memory is in use.
    Refused,
}

/// When a store takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    /// No value is stored, or an expired one.
    Absent,
    /// The slot has this word.
    Unchanged(usize, SlotWord),
}

/// The value of a lookup, while it is read: [`Cache::get`].
#[derive(Debug)]
pub struct ValueReader<'a> {
    memory: &'a Memory,
    found: &'a Found,
}

impl ValueReader<'_> {
    /// Bytes of the value, at most [`MAX_VALUE`].
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.found.head.value_bytes
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoding.
    #[must_use]
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.found.head.encoding
    }

    /// Copies the value. The bytes may be torn: they mean something only once [`Cache::get`] has returned.
    ///
    /// # Safety
    /// `target` is valid for [`ValueReader::len`] bytes.
    #[inline]
    pub unsafe fn copy_to(&self, target: *mut u8) {
        // SAFETY: by the contract.
        unsafe {
            self.found
                .head
                .copy_value(self.memory, self.found.block, target);
        }
    }

    /// Copies the value as a vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        // SAFETY: the bytes of the vector.
        unsafe { self.copy_to(bytes.as_mut_ptr()) };
        bytes
    }

    /// The first eight bytes as a number.
    #[must_use]
    #[inline]
    pub fn to_word(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        if self.len() == bytes.len() {
            // SAFETY: eight bytes of our own, and the value has as many.
            unsafe { self.copy_to(bytes.as_mut_ptr()) };
        }
        bytes
    }
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

    /// Whether the file at `path` is the mapped one.
    #[must_use]
    pub fn is_current(&self, path: &Path) -> bool {
        self.memory.segment().is_current(path)
    }

    /// Reads the value of a key by `read`, which may run again when the value changes meanwhile; only the last result
    /// counts. Returns `None` if there is no value.
    #[inline]
    pub fn get<T>(&self, key: &[u8], mut read: impl FnMut(&ValueReader<'_>) -> T) -> Option<T> {
        let key = self.hashed(Kind::Value, key);
        let value = table::read(&self.memory, key, |found| {
            self.is_valid(found).then(|| {
                let reader = ValueReader {
                    memory: &self.memory,
                    found,
                };
                let value = read(&reader);
                found.mark_read(&self.memory);
                value
            })
        });
        let value = value.flatten();
        self.count(if value.is_some() {
            Counter::Hits
        } else {
            Counter::Misses
        });
        value
    }

    /// Whether a key has a value. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        let key = self.hashed(Kind::Value, key);
        table::read(&self.memory, key, |found| self.is_valid(found)) == Some(true)
    }

    /// Stores a value in place of another one.
    pub fn set(&self, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.store_value(key, value, Condition::Always)
    }

    /// Stores a value, if the key has none.
    pub fn add(&self, key: &[u8], value: &NewValue<'_>) -> Stored {
        self.store_value(key, value, Condition::Absent)
    }

    /// Removes the value of a key. Returns `false` if it had none.
    pub fn delete(&self, key: &[u8]) -> bool {
        let key = self.hashed(Kind::Value, key);
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

    /// Changes the value of a key atomically: `change` gets the encoding and the bytes of the current one, and returns
    /// the new ones, or an error, which ends the change. It may run again when another process was first. A value keeps
    /// its expiry and its tags; a new one gets `ttl`.
    ///
    /// # Errors
    /// The error of `change`; [`ChangeError::Refused`] if there is no memory.
    pub fn change<E>(
        &self,
        key: &[u8],
        ttl: Ttl,
        mut change: impl FnMut(Option<(Encoding, &[u8])>) -> Result<(Encoding, Vec<u8>), E>,
    ) -> Result<(), ChangeError<E>> {
        let hashed = self.hashed(Kind::Value, key);
        for _ in 0..MAX_CHANGES {
            let now = self.now();
            let current = table::read(&self.memory, hashed, |found| {
                self.is_valid(found).then(|| {
                    let tags = found.head.tag_words(&self.memory, found.block);
                    (*found, self.value_bytes(found), tags)
                })
            })
            .flatten();
            let (encoding, bytes) = change(
                current
                    .as_ref()
                    .map(|(found, bytes, _)| (found.head.encoding, bytes.as_slice())),
            )
            .map_err(ChangeError::Rejected)?;
            let (condition, expires, tags) = match &current {
                Some((found, _, tags)) => (
                    Condition::Unchanged(found.slot, found.word),
                    found.head.expires,
                    tags.as_slice(),
                ),
                None => (Condition::Absent, ttl.expires(now), [].as_slice()),
            };
            let entry = NewEntry {
                kind: Kind::Value,
                hash: hashed.hash,
                key,
                value: &bytes,
                encoding,
                tags,
                expires,
                created: now,
            };
            match self.store(&entry, now, condition) {
                Stored::Yes => return Ok(()),
                Stored::Refused => return Err(ChangeError::Refused),
                Stored::No => {}
            }
        }
        Err(ChangeError::Refused)
    }

    /// Sets when the value of a key expires. Returns `false` if it has none, or if there is no memory.
    pub fn touch(&self, key: &[u8], ttl: Ttl) -> bool {
        let hashed = self.hashed(Kind::Value, key);
        for _ in 0..MAX_CHANGES {
            let current = table::read(&self.memory, hashed, |found| {
                self.is_valid(found).then(|| {
                    let tags = found.head.tag_words(&self.memory, found.block);
                    (*found, self.value_bytes(found), tags)
                })
            });
            let Some((found, bytes, tags)) = current.flatten() else {
                return false;
            };
            let now = self.now();
            let entry = NewEntry {
                kind: Kind::Value,
                hash: hashed.hash,
                key,
                value: &bytes,
                encoding: found.head.encoding,
                tags: &tags,
                expires: ttl.expires(now),
                created: found.head.created,
            };
            let condition = Condition::Unchanged(found.slot, found.word);
            match self.store(&entry, now, condition) {
                Stored::Yes => return true,
                Stored::Refused => return false,
                Stored::No => {}
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

    /// Removes all values, and no locks.
    pub fn clear(&self) {
        let blocks = self.blocks(self.now());
        table::for_each_slot(&self.memory, 0, |slot, word| {
            let found = self.found(slot, word);
            if found.is_some_and(|found| found.head.kind() == Kind::Value) {
                blocks.remove(slot, word);
            }
            true
        });
        self.memory
            .word(header::CLEARED)
            .store(clock::unix_ms(), Ordering::Relaxed);
    }

    /// Removes expired values, and those with an invalidated tag.
    pub fn prune(&self) {
        let blocks = self.blocks(self.now());
        table::for_each_slot(&self.memory, 0, |slot, word| {
            let found = self.found(slot, word);
            let is_invalid = found.is_some_and(|found| !self.is_valid(&found));
            if is_invalid && blocks.remove(slot, word) {
                self.count(Counter::Expired);
            }
            true
        });
    }

    /// Calls `visit` with keys that have values, in the order of the table, from the one after `after` on, until it
    /// returns `false`. Keys that are stored or removed meanwhile may be missed.
    pub fn for_each_key(&self, after: Option<&[u8]>, mut visit: impl FnMut(Vec<u8>) -> bool) {
        let start = after.map_or(0, |after| {
            table::position(&self.memory, self.hashed(Kind::Value, after))
        });
        table::for_each_slot(&self.memory, start, |slot, word| {
            let Some(found) = self.found(slot, word) else {
                return true;
            };
            let key = found.head.key(&self.memory, found.block);
            if found.head.kind() == Kind::Value
                && self.is_valid(&found)
                && found.is_unchanged(&self.memory)
            {
                return visit(key);
            }
            true
        });
    }

    /// The state of the cache.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::collect(&self.memory)
    }

    /// The size classes in use.
    #[must_use]
    pub fn class_stats(&self) -> Vec<ClassStats> {
        stats::classes(&self.memory)
    }

    fn store_value(&self, key: &[u8], value: &NewValue<'_>, condition: Condition) -> Stored {
        let now = self.now();
        let mut tags = [0; MAX_TAGS];
        if value.tags.len() > MAX_TAGS {
            return Stored::Refused;
        }
        for (word, tag) in tags.iter_mut().zip(value.tags) {
            *word = tag.0;
        }
        let entry = NewEntry {
            kind: Kind::Value,
            hash: self.hashed(Kind::Value, key).hash,
            key,
            value: value.bytes,
            encoding: value.encoding,
            tags: tags.get(..value.tags.len()).unwrap_or_default(),
            expires: value.ttl.expires(now),
            created: now,
        };
        self.store(&entry, now, condition)
    }

    fn store(&self, entry: &NewEntry<'_>, now: u64, condition: Condition) -> Stored {
        let blocks = self.blocks(now);
        let reserved = entry
            .plan()
            .filter(|_| entry.value.len() <= self.memory.layout.max_value())
            .and_then(|plan| blocks.reserve_entry(&plan));
        let Some((first, parts)) = reserved else {
            self.count(Counter::Refused);
            return Stored::Refused;
        };
        let bytes = entry.fill(&self.memory, first, &parts);
        let key = HashedKey {
            kind: entry.kind,
            hash: entry.hash,
            bytes: entry.key,
        };
        loop {
            let lock = KeyLock::acquire(&self.memory, entry.hash);
            loop {
                let found = table::find(&self.memory, key);
                let is_met = match condition {
                    Condition::Always => true,
                    Condition::Absent => !found.as_ref().is_some_and(|found| self.is_valid(found)),
                    Condition::Unchanged(slot, word) => found
                        .as_ref()
                        .is_some_and(|found| found.slot == slot && found.word.is_same(word)),
                };
                let place = match &found {
                    Some(found) => Some((found.slot, found.word)),
                    None => lock.slot_for_new(now),
                };
                // A process that takes the lock over from here on changes the version of the slot first.
                if !lock.is_held() {
                    break;
                }
                let (true, Some((slot, old))) = (is_met, place) else {
                    drop(lock);
                    blocks.free_reserved(parts.into_iter().chain([first]));
                    if is_met {
                        self.count(Counter::Refused);
                        return Stored::Refused;
                    }
                    return Stored::No;
                };
                let replaced = blocks.blocks_of(old);
                let first_word = blocks.set_slot(first, slot);
                let part_words: Vec<_> = parts
                    .iter()
                    .map(|part| (*part, blocks.set_slot(*part, slot)))
                    .collect();
                failpoint!("cache.entry.filled");
                if !self
                    .memory
                    .swap_slot(slot, old, old.next(first, entry.hash))
                {
                    continue;
                }
                failpoint!("cache.slot.changed");
                drop(lock);
                for (part, word) in part_words {
                    blocks.publish(part, word, BlockState::Part);
                }
                blocks.publish(first, first_word, BlockState::First);
                blocks.count_stored(bytes);
                if let Some(replaced) = replaced {
                    if found.is_none() {
                        blocks.count_eviction(&replaced);
                    }
                    blocks.free_entry(&replaced, None);
                }
                return Stored::Yes;
            }
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

    fn found(&self, slot: usize, word: SlotWord) -> Option<Found> {
        let block = word.block()?;
        Some(Found {
            slot,
            word,
            block,
            head: entry::Head::load(&self.memory, block),
        })
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

    #[inline]
    fn now(&self) -> u64 {
        clock::coarse_ms()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.owners.release(&self.memory);
    }
}

/// Why [`Cache::change`] stored nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError<E> {
    /// The error of the change.
    Rejected(E),
    /// The value is too large, or all memory is in use.
    Refused,
}
