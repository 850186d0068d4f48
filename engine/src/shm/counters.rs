//! Counters that all processes of a host add to: a segment with a directory of named blocks of words. Each change is
//! one atomic operation, so that a killed process leaves no half-made state, and no process waits for another. Blocks
//! have names and not positions, so that versions with other counters share the file. Any thread.
//!
//! Layout, in words of eight bytes: word 0 is the number of words that were handed out; from [`DIRECTORY`] on entries
//! of two words, the hash of a name and the position of its block (0: none yet); from [`BLOCKS`] on the blocks.

use std::{io, path::Path};

use super::{Opened, Segment, checksum, owner_slots::OwnerSlots};
use crate::sync::atomic::{AtomicU64, Ordering};

/// Named blocks of a segment.
const MAX_BLOCKS: usize = 256;
/// Words of a processor's cache line: a block shares none with another one.
const LINE: usize = 8;
const HANDED_OUT: usize = 0;
const DIRECTORY: usize = LINE;
/// The position of a block, after the hash of its name.
const POSITION: usize = 1;
const BLOCKS: usize = DIRECTORY + MAX_BLOCKS * 2;
const WORDS: usize = 16_384;
const ENTRIES: OwnerSlots = OwnerSlots::new(DIRECTORY, MAX_BLOCKS, 2);

/// The mapped segment.
#[derive(Debug)]
pub(crate) struct CounterSegment(Segment);

impl CounterSegment {
    /// Opens the counters at `path`, or creates them at zero.
    ///
    /// # Errors
    /// As [`Segment::open_or_create`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let opened = Segment::open_or_create(path, WORDS * 8, |_| {});
        opened.map(Opened::into_segment).map(Self)
    }

    /// Allocates counters that no other process sees.
    #[cfg(test)]
    pub(crate) fn anonymous() -> io::Result<Self> {
        Segment::anonymous(WORDS * 8).map(Self)
    }

    /// Whether `path` leads to the mapped file. One system call.
    pub(crate) fn is_current(&self, path: &Path) -> bool {
        self.0.is_current(path)
    }

    /// The block with this name, the same in all processes; zeros at first. A name implies its number of words. Returns
    /// `None` if the segment is full.
    pub(crate) fn block(&self, name: &[u8], words: usize) -> Option<&[AtomicU64]> {
        let hash = checksum::of_parts(name, &[]).max(1);
        let entry = ENTRIES.find_or_claim(&self.0, hash as usize % MAX_BLOCKS, hash)?;
        let position = ENTRIES.word(&self.0, entry, POSITION)?;
        let start = match position.load(Ordering::Acquire) {
            0 => hand_out(self.0.word(HANDED_OUT)?, position, words)?,
            start => start,
        };
        let start = usize::try_from(start).ok()?;
        let block = self.0.words().get(start..start.checked_add(words)?)?;
        (start >= BLOCKS).then_some(block)
    }
}

/// Gives a block of `words` to the entry with this `position`. Of several processes that do so at once, or after one
/// that was killed here, the first one wins; the words of the others stay unused.
pub(super) fn hand_out(handed_out: &AtomicU64, position: &AtomicU64, words: usize) -> Option<u64> {
    let size = words.next_multiple_of(LINE);
    let fits = |before: u64| {
        let after = usize::try_from(before).ok()?.checked_add(size)?;
        (after <= WORDS - BLOCKS).then_some(after as u64)
    };
    let before = handed_out
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)
        .ok()?;
    let start = BLOCKS as u64 + before;
    let given = position.compare_exchange(0, start, Ordering::AcqRel, Ordering::Acquire);
    Some(given.map_or_else(|found| found, |_| start))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(dir: &Path) -> io::Result<CounterSegment> {
        CounterSegment::open(&dir.join("metrics.seg"))
    }

    #[test]
    fn processes_add_to_one_block_and_names_have_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (open(dir.path()).unwrap(), open(dir.path()).unwrap());
        let names: Vec<String> = (0..MAX_BLOCKS).map(|n| format!("n{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            for word in one.block(name.as_bytes(), 9).unwrap() {
                word.fetch_add(n as u64, Ordering::Relaxed);
            }
        }
        for (n, name) in names.iter().enumerate().rev() {
            let block = other.block(name.as_bytes(), 9).unwrap();
            assert!(
                block
                    .iter()
                    .all(|word| word.load(Ordering::Relaxed) == n as u64)
            );
        }
        assert!(one.block(b"one too many", 1).is_none());
        assert!(one.is_current(&dir.path().join("metrics.seg")));
    }

    #[test]
    fn entry_of_a_killed_creator_gets_its_block_from_the_next() {
        let counters = CounterSegment::anonymous().unwrap();
        let hash = checksum::of_parts(b"a", &[]);
        ENTRIES.find_or_claim(&counters.0, hash as usize % MAX_BLOCKS, hash);
        let block = counters.block(b"a", 3).unwrap();
        block[2].store(7, Ordering::Relaxed);
        let again = counters.block(b"a", 3).unwrap();
        assert_eq!(again[2].load(Ordering::Relaxed), 7);
        assert!(counters.block(b"large", WORDS).is_none());
        assert!(counters.block(b"small", 1).is_some());
    }

    #[test]
    fn damaged_words_yield_no_block() {
        let counters = CounterSegment::anonymous().unwrap();
        counters.block(b"a", 1).unwrap();
        let hash = checksum::of_parts(b"a", &[]);
        let entry = ENTRIES.find_or_claim(&counters.0, hash as usize % MAX_BLOCKS, hash);
        let position = ENTRIES.word(&counters.0, entry.unwrap(), POSITION).unwrap();
        for damaged in [1, BLOCKS as u64 - 1, WORDS as u64, u64::MAX] {
            position.store(damaged, Ordering::Relaxed);
            assert!(counters.block(b"a", 1).is_none());
        }
        counters.0.words()[HANDED_OUT].store(u64::MAX, Ordering::Relaxed);
        assert!(counters.block(b"b", 1).is_none());
    }

    #[test]
    fn file_of_another_size_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("metrics.seg"), [7; 4096]).unwrap();
        assert!(open(dir.path()).is_err());
        let found = fs::read(dir.path().join("metrics.seg")).unwrap();
        assert_eq!(found, [7; 4096]);
    }
}
