//! Changes of the index, by one writer at a time on the host. Before a change, also on disk, its key is stored in the
//! header; a process that acquires the lock and finds such a key knows that its writer died, and reads the key from
//! disk. Readers are never excluded. Threads that may wait.

use super::{
    Index,
    layout::{SLOT_WORDS, word},
    lock::WriterGuard,
    reader::SlotContent,
    slot::{self, LIVE},
};
use crate::{
    artifacts::{IndexRecord, Key},
    failpoint::failpoint,
    shm::{
        groups::{GROUP_SLOTS, Tags, mix},
        seqlock,
    },
};

/// The right to change the index, until it is dropped.
pub(in crate::artifacts) struct Writer<'a> {
    pub(super) index: &'a Index,
    pub(super) _guard: WriterGuard<'a>,
}

/// The two pending keys: a change may evict another record.
#[derive(Debug, Clone, Copy)]
pub(in crate::artifacts) enum Pending {
    Change,
    Victim,
}

/// The result of a store.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::artifacts) enum Stored {
    /// The record is in the index.
    Done,
    /// There is no slot, in the index or near its home.
    Full,
}

impl Writer<'_> {
    /// The keys of changes that a dead writer did not complete; a victim first, because the change that evicted it
    /// needs its slot.
    pub(in crate::artifacts) fn interrupted_keys(&self) -> Vec<Key> {
        let open = |(_, open): &&(usize, usize)| self.index.header(*open) != 0;
        let noted = word::PENDING.iter().rev().filter(open);
        noted.map(|(key, _)| Key(self.index.header(*key))).collect()
    }

    /// Marks a key as pending while it changes on disk and here.
    pub(in crate::artifacts) fn with_pending<T>(
        &self,
        key: Key,
        note: Pending,
        change: impl FnOnce() -> T,
    ) -> T {
        let [first, second] = word::PENDING;
        let (at, open) = match note {
            Pending::Change => first,
            Pending::Victim => second,
        };
        self.index.set_header(at, key.0);
        self.index.set_header(open, 1);
        failpoint!("index.noted");
        let done = change();
        self.index.set_header(open, 0);
        done
    }

    /// Clears the pending keys after [`Writer::interrupted_keys`] are repaired.
    pub(in crate::artifacts) fn clear_pending(&self) {
        for (_, open) in word::PENDING {
            self.index.set_header(open, 0);
        }
    }

    /// Stores a record, and replaces one of the same key. The later use is kept.
    pub(in crate::artifacts) fn store(&self, record: &IndexRecord) -> Stored {
        if let Some((slot, old)) = self.index.locate(record.key) {
            let accessed_ms = old.accessed_ms.max(record.accessed_ms);
            self.write(
                slot,
                Some(&IndexRecord {
                    accessed_ms,
                    ..*record
                }),
            );
            self.count(0, record.size.wrapping_sub(old.size));
            return Stored::Done;
        }
        if self.index.len() >= u64::from(self.index.geometry.capacity) {
            return Stored::Full;
        }
        let hash = mix(record.key.0);
        let Some((group, free)) = self.find_free(hash) else {
            return Stored::Full;
        };
        // Overflow counts first: a search that ends too early is a false miss, one that goes on in vain is only slow.
        self.add_overflow(hash, group, 1);
        failpoint!("index.groups");
        self.write(group * GROUP_SLOTS + free, Some(record));
        failpoint!("index.slot");
        self.tag(group, free, Tags::tag(hash));
        failpoint!("index.tagged");
        self.count(1, record.size);
        failpoint!("index.counted");
        Stored::Done
    }

    /// Removes a record.
    pub(in crate::artifacts) fn remove(&self, key: Key) -> Option<IndexRecord> {
        let (slot, record) = self.index.locate(key)?;
        let group = slot / GROUP_SLOTS;
        self.tag(group, slot % GROUP_SLOTS, 0);
        failpoint!("index.untagged");
        self.write(slot, None);
        failpoint!("index.emptied");
        self.add_overflow(mix(key.0), group, -1);
        self.count(-1, 0u64.wrapping_sub(record.size));
        Some(record)
    }

    /// The records in the groups where a record of that key could be.
    pub(in crate::artifacts) fn neighbours(&self, key: Key) -> impl Iterator<Item = IndexRecord> {
        let groups = self.index.geometry.probe(mix(key.0));
        groups
            .flat_map(|group| (0..GROUP_SLOTS).map(move |slot| group * GROUP_SLOTS + slot))
            .filter_map(|slot| match self.index.read_slot(slot) {
                SlotContent::Live(record) => Some(record),
                _ => None,
            })
    }

    fn find_free(&self, hash: u64) -> Option<(usize, usize)> {
        self.index
            .geometry
            .probe(hash)
            .find_map(|group| Some((group, self.index.tags(group)?.free_slot(hash)?)))
    }

    /// Writes a slot, or empties it.
    pub(super) fn write(&self, slot: usize, record: Option<&IndexRecord>) {
        let Some([head, rest @ ..]) = self.index.slot(slot) else {
            return;
        };
        let body = record.map_or([0; SLOT_WORDS - 1], slot::encode);
        let state = if record.is_some() { LIVE } else { 0 };
        seqlock::write(head, rest, state, body, || failpoint!("index.slot-half"));
    }

    fn tag(&self, group: usize, slot: usize, tag: u8) {
        if let Some(tags) = self.index.tags(group) {
            self.set_tags(group, tags.with(slot, tag));
        }
    }

    /// Changes the overflow counts of the groups before `group`.
    fn add_overflow(&self, hash: u64, group: usize, by: i8) {
        for passed in self
            .index
            .geometry
            .probe(hash)
            .take_while(|at| *at != group)
        {
            if let Some(tags) = self.index.tags(passed) {
                self.set_tags(passed, tags.add_overflow(by));
            }
        }
    }

    pub(super) fn set_tags(&self, group: usize, tags: Tags) {
        self.index
            .set_header(self.index.geometry.tags(group), tags.0);
    }

    fn count(&self, entries: i64, bytes: u64) {
        let index = self.index;
        let now = index.header(word::ENTRIES).saturating_add_signed(entries);
        index.set_header(word::ENTRIES, now);
        index.set_header(word::BYTES, index.header(word::BYTES).wrapping_add(bytes));
        self.changed();
    }

    /// Counts an eviction.
    pub(in crate::artifacts) fn count_eviction(&self, expired: bool) {
        let at = if expired {
            word::EVICTED_EXPIRED
        } else {
            word::EVICTED_LRU
        };
        self.index
            .set_header(at, self.index.header(at).wrapping_add(1));
    }

    fn changed(&self) {
        let changes = self.index.header(word::CHANGES);
        self.index
            .set_header(word::CHANGES, changes.wrapping_add(1));
    }
}
