//! Lookups: no lock, no system call, no allocation. A slot that is being written, or has words that don't belong
//! together, is a miss and never a wrong record. PHP's thread.

use super::{
    Index,
    layout::{SLOT_WORDS, word},
    slot::{self, LIVE},
};
use crate::{
    artifacts::{IndexRecord, Key},
    shm::{
        groups::{GROUP_SLOTS, Tags, mix},
        seqlock::{self, SeqRead},
        word::{load, prefetch, store},
    },
    sync::atomic::{AtomicU64, Ordering},
};

/// Attempts to read a slot while a writer changes it; a dead writer must not delay readers.
const MAX_READ_ATTEMPTS: usize = 8;
/// Further uses within this time are not recorded, so that readers rarely write.
const TOUCH_INTERVAL_MS: u64 = 1000;

/// The content of a slot.
pub(super) enum SlotContent {
    Empty,
    Live(IndexRecord),
    /// Being written, perhaps by a process that died.
    Busy,
    /// Words that were not stored together.
    Torn,
}

impl Index {
    /// Returns the record for `key`, expired or not.
    #[inline]
    pub(in crate::artifacts) fn get(&self, key: Key) -> Option<IndexRecord> {
        self.locate(key).map(|(_, record)| record)
    }

    /// Returns the record for `key` and its slot.
    #[inline]
    pub(super) fn locate(&self, key: Key) -> Option<(usize, IndexRecord)> {
        let hash = mix(key.0);
        let tag = Tags::tag(hash);
        self.prefetch(self.geometry.home(hash) * GROUP_SLOTS + Tags::preferred_slot(hash));
        for group in self.geometry.probe(hash) {
            let tags = self.tags(group)?;
            let mut matches = tags.matches(tag);
            while matches != 0 {
                let slot = group * GROUP_SLOTS + matches.trailing_zeros() as usize / 8;
                if let Some(record) = self.read_key(slot, key) {
                    return Some((slot, record));
                }
                matches &= matches - 1;
            }
            if tags.overflow_count() == 0 {
                return None;
            }
        }
        None
    }

    /// Returns the record for `key` if it is not expired and accepted, and records the use.
    #[inline]
    pub(in crate::artifacts) fn find(
        &self,
        key: Key,
        now_ms: u64,
        accept: impl FnOnce(&IndexRecord) -> bool,
    ) -> Option<IndexRecord> {
        let (slot, mut record) = self.locate(key)?;
        if record.is_expired(now_ms) || !accept(&record) {
            return None;
        }
        // In either direction: a use recorded while the clock was ahead does not count for ever.
        if now_ms.abs_diff(record.accessed_ms) >= TOUCH_INTERVAL_MS {
            self.touch(slot, now_ms);
            record.accessed_ms = now_ms;
        }
        Some(record)
    }

    /// Records a use. If the slot has another record by now, that one counts as used.
    #[inline]
    pub(super) fn touch(&self, slot: usize, now_ms: u64) {
        if let (true, Some(words)) = (self.segment.is_writable(), self.slot(slot)) {
            let [.., accessed, _, _] = words;
            store(accessed, now_ms, Ordering::Relaxed);
        }
    }

    /// Records a use if it is later than the recorded one.
    pub(in crate::artifacts) fn record_use(&self, key: Key, at_ms: u64) {
        if let Some((slot, record)) = self.locate(key)
            && record.accessed_ms < at_ms
        {
            self.touch(slot, at_ms);
        }
    }

    #[inline]
    fn read_key(&self, slot: usize, key: Key) -> Option<IndexRecord> {
        let words = self.slot(slot)?;
        let [_, named, ..] = words;
        // Most false matches end here, without reading the rest.
        if load(named, Ordering::Relaxed) != key.0 {
            return None;
        }
        match self.read(words) {
            SlotContent::Live(record) if record.key == key => Some(record),
            SlotContent::Torn => {
                self.request_rescan();
                None
            }
            _ => None,
        }
    }

    /// The content of a slot.
    pub(super) fn read_slot(&self, slot: usize) -> SlotContent {
        self.slot(slot)
            .map_or(SlotContent::Empty, |words| self.read(words))
    }

    #[inline]
    fn read(&self, words: &[AtomicU64; SLOT_WORDS]) -> SlotContent {
        let [head, rest @ ..] = words;
        match seqlock::read(head, rest, LIVE, MAX_READ_ATTEMPTS) {
            SeqRead::Words(body) => {
                slot::decode(&body).map_or(SlotContent::Torn, SlotContent::Live)
            }
            SeqRead::Empty => SlotContent::Empty,
            SeqRead::Busy => SlotContent::Busy,
        }
    }

    /// All records, in the order of slots. Concurrent changes may be missed.
    pub(in crate::artifacts) fn records(&self) -> impl Iterator<Item = IndexRecord> {
        (0..self.geometry.slots()).filter_map(|slot| match self.read_slot(slot) {
            SlotContent::Live(record) => Some(record),
            _ => None,
        })
    }

    /// Prefetches a slot while the tags are compared.
    #[inline]
    fn prefetch(&self, slot: usize) {
        if let Some([first, .., last]) = self.slot(slot) {
            prefetch(first);
            prefetch(last);
        }
    }

    #[inline]
    pub(super) fn tags(&self, group: usize) -> Option<Tags> {
        let word = self.segment.words().get(self.geometry.tags(group))?;
        Some(Tags(load(word, Ordering::Acquire)))
    }

    #[inline]
    pub(super) fn slot(&self, slot: usize) -> Option<&[AtomicU64; SLOT_WORDS]> {
        let at = self.geometry.slot(slot);
        self.segment.words().get(at..)?.first_chunk()
    }

    #[inline]
    pub(super) fn header(&self, at: usize) -> u64 {
        self.segment
            .words()
            .get(at)
            .map_or(0, |word| load(word, Ordering::Acquire))
    }

    /// Marks the index for a rescan of the disk.
    #[cold]
    pub(in crate::artifacts) fn request_rescan(&self) {
        self.set_header(word::RESCAN, 1);
    }

    pub(super) fn set_header(&self, at: usize, value: u64) {
        if let (true, Some(word)) = (self.segment.is_writable(), self.segment.words().get(at)) {
            store(word, value, Ordering::Release);
        }
    }
}
