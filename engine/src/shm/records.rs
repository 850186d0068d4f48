//! Records that all processes of a host find by key and change: a hash table of chains over a segment. A record is
//! added and never removed or moved, so a reference to its words is valid for as long as the segment is mapped. A
//! record is written first and then linked by one compare-and-swap: a process killed before it loses the space of this
//! record, and no process waits for another. Any thread.
//!
//! Layout, in words of eight bytes: [`MAGIC`], the number of chains, the number of words handed out, then [`USER`]
//! words of the owner; from [`CHAINS`] on the first record of each chain (0: none), then the records. A record is the
//! position of the next one, the hash of its key, the length of the key and the number of its words, its words, its
//! key.

use std::{fs::File, io, path::Path};

use super::{Opened, Segment, checksum};
use crate::sync::atomic::{AtomicU64, Ordering};

const MAGIC: u64 = u64::from_le_bytes(*b"PLNREC01");
const CHAIN_COUNT: usize = 1;
const HANDED_OUT: usize = 2;
const USER: usize = 3;
const CHAINS: usize = 8;
/// Words of the segment for each chain.
const WORDS_PER_CHAIN: usize = 32;
const NEXT: usize = 0;
const HASH: usize = 1;
const LENGTHS: usize = 2;
const HEAD: usize = 3;
/// Records of a chain that are looked at; a damaged chain may have no end.
const MAX_CHAIN: usize = 65_536;
/// Bytes of a key at most; a longer one in the segment is damaged.
const MAX_KEY: usize = 64 << 10;

/// The mapped segment.
#[derive(Debug)]
pub(crate) struct Records(Segment);

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    position: usize,
    words: &'a [AtomicU64],
    key: &'a [AtomicU64],
    key_len: usize,
}

impl<'a> Record<'a> {
    /// Its words, zeros at first.
    pub(crate) const fn words(&self) -> &'a [AtomicU64] {
        self.words
    }

    /// Its position, by which [`Records::at`] finds it; never 0.
    pub(crate) const fn position(&self) -> u64 {
        self.position as u64
    }

    /// Its key.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.key.len() * 8);
        for word in self.key {
            key.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        key.truncate(self.key_len);
        key
    }

    fn has_key(&self, key: &[u8]) -> bool {
        let mut pairs = self.key.iter().zip(key.chunks(8));
        key.len() == self.key_len
            && pairs.all(|(word, part)| word.load(Ordering::Relaxed) == word_of(part))
    }
}

/// Up to eight bytes as a word, with zeros behind them.
fn word_of(part: &[u8]) -> u64 {
    let mut word = [0; 8];
    if let Some(head) = word.get_mut(..part.len()) {
        head.copy_from_slice(part);
    }
    u64::from_le_bytes(word)
}

impl Records {
    /// Opens the records at `path`, or creates a segment of `bytes` without any. An existing one may have another size.
    ///
    /// # Errors
    /// As [`Segment::open_or_create`].
    pub(crate) fn open(path: &Path, bytes: usize) -> io::Result<Self> {
        let segment = match Segment::open(path)? {
            Some(segment) => segment,
            None => Segment::open_or_create(path, bytes.next_multiple_of(8), prepare)
                .map(Opened::into_segment)?,
        };
        let records = Self(segment);
        let is_valid = records.0.word(0).map(|word| word.load(Ordering::Relaxed)) == Some(MAGIC)
            && (1..records.0.words().len()).contains(&records.chain_count());
        is_valid.then_some(records).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "found a file without records")
        })
    }

    /// Allocates records that no other process sees.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn anonymous(bytes: usize) -> io::Result<Self> {
        let segment = Segment::anonymous(bytes.next_multiple_of(8))?;
        prepare(&segment);
        Ok(Self(segment))
    }

    /// Whether `path` leads to the mapped file. One system call.
    pub(crate) fn is_current(&self, path: &Path) -> bool {
        self.0.is_current(path)
    }

    /// Whether a file is the mapped one.
    ///
    /// # Errors
    /// Its metadata can't be read.
    pub(crate) fn is_file(&self, file: &File) -> io::Result<bool> {
        self.0.is_file(file)
    }

    /// A word of the owner, zero at first; there are five.
    #[inline]
    pub(crate) fn user_word(&self, index: usize) -> Option<&AtomicU64> {
        self.0
            .words()
            .get(USER..CHAINS)
            .and_then(|words| words.get(index))
    }

    /// Bytes that records take, and bytes that they can take.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let all = self.0.words().len().saturating_sub(self.first()) as u64;
        let used = self
            .0
            .word(HANDED_OUT)
            .map_or(0, |word| word.load(Ordering::Relaxed));
        (used.min(all) * 8, all * 8)
    }

    /// The record with this key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Record<'_>> {
        let hash = checksum::of_parts(key, &[]);
        let first = self.chain(hash)?.load(Ordering::Acquire);
        self.search(first, 0, hash, key)
    }

    /// The record with this key, added with `words` words if there is none. A key implies its number of words. Returns
    /// `None` if the segment is full.
    pub(crate) fn find_or_add(&self, key: &[u8], words: usize) -> Option<Record<'_>> {
        let hash = checksum::of_parts(key, &[]);
        let chain = self.chain(hash)?;
        let (mut added, mut searched) = (None, 0);
        loop {
            let first = chain.load(Ordering::Acquire);
            // Records that this call has searched have no such key; the others are new.
            if let Some(found) = self.search(first, searched, hash, key) {
                return (found.words.len() == words).then_some(found);
            }
            let record = match added {
                Some(record) => record,
                None => *added.insert(self.write(hash, key, words)?),
            };
            self.0
                .word(record.position + NEXT)?
                .store(first, Ordering::Relaxed);
            let linked = chain.compare_exchange(
                first,
                record.position(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            if linked.is_ok() {
                return Some(record);
            }
            searched = first;
        }
    }

    /// The record at a position, or `None` if there can't be one.
    pub(crate) fn at(&self, position: u64) -> Option<Record<'_>> {
        let position = usize::try_from(position).ok()?;
        if position < self.first() {
            return None;
        }
        let all = self.0.words();
        let lengths = all
            .get(position.checked_add(LENGTHS)?)?
            .load(Ordering::Relaxed);
        let (key_len, words) = ((lengths as u32) as usize, (lengths >> 32) as usize);
        if key_len > MAX_KEY {
            return None;
        }
        let rest = all.get(position + HEAD..)?;
        let (words, rest) = rest.split_at_checked(words)?;
        Some(Record {
            position,
            words,
            key: rest.get(..key_len.div_ceil(8))?,
            key_len,
        })
    }

    /// Calls `each` with every record, in no order. Ends in a damaged segment too: a chain may have no end, and
    /// records may lie in one another.
    pub(crate) fn for_each<'a>(&'a self, mut each: impl FnMut(Record<'a>)) {
        // Words that all records together can have, and as many again for damaged ones.
        let mut left = self.0.words().len().saturating_mul(2);
        for chain in 0..self.chain_count() {
            let Some(first) = self.0.word(CHAINS + chain) else {
                return;
            };
            for record in self.records(first.load(Ordering::Acquire)).take(MAX_CHAIN) {
                let size = HEAD + record.key.len();
                let Some(rest) = left.checked_sub(size) else {
                    return;
                };
                left = rest;
                each(record);
            }
        }
    }

    fn chain_count(&self) -> usize {
        let count = self
            .0
            .word(CHAIN_COUNT)
            .map_or(0, |word| word.load(Ordering::Relaxed));
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// The position of the first record.
    fn first(&self) -> usize {
        CHAINS.saturating_add(self.chain_count())
    }

    fn chain(&self, hash: u64) -> Option<&AtomicU64> {
        let count = (self.chain_count() as u64).max(1);
        self.0.word(CHAINS.checked_add((hash % count) as usize)?)
    }

    /// The records of a chain from `position` on.
    fn records(&self, position: u64) -> impl Iterator<Item = Record<'_>> {
        std::iter::successors(self.at(position), |record| {
            let next = self.0.word(record.position + NEXT)?;
            self.at(next.load(Ordering::Acquire))
        })
    }

    /// Looks for a key in a chain, up to the record at `end`.
    fn search(&self, first: u64, end: u64, hash: u64, key: &[u8]) -> Option<Record<'_>> {
        let records = self.records(first).take(MAX_CHAIN);
        let mut records = records.take_while(|record| record.position() != end);
        records.find(|record| {
            let found = self.0.word(record.position + HASH);
            found.is_some_and(|found| found.load(Ordering::Relaxed) == hash) && record.has_key(key)
        })
    }

    /// Writes a record that is not linked yet.
    fn write(&self, hash: u64, key: &[u8], words: usize) -> Option<Record<'_>> {
        if key.len() > MAX_KEY {
            return None;
        }
        let size = HEAD + words + key.len().div_ceil(8);
        let capacity = self.0.words().len().checked_sub(self.first())?;
        let fits = |before: u64| {
            let after = usize::try_from(before).ok()?.checked_add(size)?;
            (after <= capacity).then_some(after as u64)
        };
        let before = self
            .0
            .word(HANDED_OUT)?
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)
            .ok()?;
        let position = self.first() + usize::try_from(before).ok()?;
        let record = self.0.words().get(position..position + size)?;
        let lengths = key.len() as u64 | (words as u64) << 32;
        record.get(HASH)?.store(hash, Ordering::Relaxed);
        record.get(LENGTHS)?.store(lengths, Ordering::Relaxed);
        let places = record.get(HEAD + words..)?;
        for (place, part) in places.iter().zip(key.chunks(8)) {
            place.store(word_of(part), Ordering::Relaxed);
        }
        self.at(position as u64)
    }
}

/// Writes the head of an empty segment.
fn prepare(segment: &Segment) {
    let chains = (segment.words().len() / WORDS_PER_CHAIN).max(1);
    for (index, value) in [(CHAIN_COUNT, chains as u64), (0, MAGIC)] {
        if let Some(word) = segment.word(index) {
            word.store(value, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BYTES: usize = 64 * 1024;

    fn value(record: Record<'_>) -> u64 {
        record.words()[0].load(Ordering::Relaxed)
    }

    #[test]
    fn processes_find_each_others_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let one = Records::open(&path, BYTES).unwrap();
        let other = Records::open(&path, 2 * BYTES).unwrap();
        let keys: Vec<String> = (0..300)
            .map(|n| "k".repeat(n % 20) + &n.to_string())
            .collect();
        for (n, key) in keys.iter().enumerate() {
            let record = one.find_or_add(key.as_bytes(), 2).unwrap();
            record.words()[0].store(n as u64, Ordering::Relaxed);
        }
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(
                value(other.find_or_add(key.as_bytes(), 2).unwrap()),
                n as u64
            );
            assert_eq!(value(other.find(key.as_bytes()).unwrap()), n as u64);
        }
        assert!(other.find(b"absent").is_none());
        let mut found = Vec::new();
        other.for_each(|record| {
            assert_eq!(other.at(record.position()).unwrap().key(), record.key());
            found.push(String::from_utf8(record.key()).unwrap());
        });
        found.sort();
        let mut keys = keys;
        keys.sort();
        assert_eq!(found, keys);
        assert!(one.is_current(&path));
    }

    #[test]
    fn threads_that_add_one_key_get_one_record() {
        let records = Records::anonymous(256 * 1024).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..500_u32 {
                        let record = records.find_or_add(&n.to_le_bytes(), 1).unwrap();
                        record.words()[0].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let mut count = 0;
        records.for_each(|record| {
            assert_eq!(value(record), 4);
            count += 1;
        });
        assert_eq!(count, 500);
    }

    #[test]
    fn full_segment_refuses_and_keeps_its_records() {
        let records = Records::anonymous(2048).unwrap();
        let added = (0..1000_u32)
            .take_while(|n| records.find_or_add(&n.to_le_bytes(), 1).is_some())
            .count() as u32;
        assert!((10..100).contains(&added), "{added}");
        for n in 0..added {
            assert!(records.find(&n.to_le_bytes()).is_some());
            assert!(records.find_or_add(&n.to_le_bytes(), 1).is_some());
        }
        let (used, all) = records.usage();
        assert!(used <= all && all - used < 40, "{used} of {all}");
    }

    #[test]
    fn damaged_words_yield_no_record() {
        let records = Records::anonymous(4096).unwrap();
        let position = records.find_or_add(b"key", 1).unwrap().position() as usize;
        let words = records.0.words();
        // A chain without an end.
        words[position + NEXT].store(position as u64, Ordering::Relaxed);
        assert!(records.find(b"key").is_some());
        words[position + HASH].store(0, Ordering::Relaxed);
        assert!(records.find(b"key").is_none());
        let mut count = 0;
        records.for_each(|_| count += 1);
        assert!((1..2 * words.len()).contains(&count), "{count}");
        for damaged in [u64::MAX, 1 << 32 | u64::from(u32::MAX), 4096 << 32] {
            words[position + LENGTHS].store(damaged, Ordering::Relaxed);
            records.for_each(|_| panic!("a record beyond the end"));
        }
        words[HANDED_OUT].store(u64::MAX, Ordering::Relaxed);
        assert!(records.find_or_add(b"other", 1).is_none());
    }

    #[test]
    fn foreign_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        fs::write(&path, [7; 4096]).unwrap();
        assert!(Records::open(&path, BYTES).is_err());
        assert_eq!(fs::read(&path).unwrap(), [7; 4096]);
    }
}
