//! Checks an index and rebuilds what its slots do not show: tags, counts and sums. By a writer; threads that may wait.

use std::collections::HashMap;

use super::{layout::word, reader::SlotContent, writer::Writer};
use crate::{
    artifacts::{IndexRecord, Key},
    shm::groups::{GROUP_SLOTS, Tags, mix},
};

impl Writer<'_> {
    /// Checks that every record is found in its slot, no tag leads to an empty slot, and counts and sums are right;
    /// rebuilds them if not. Returns whether they were right.
    pub(in crate::artifacts) fn check(&self) -> bool {
        let geometry = self.index.geometry;
        let (mut entries, mut bytes, mut right) = (0u64, 0u64, true);
        for slot in 0..geometry.slots() {
            if let SlotContent::Live(record) = self.index.read_slot(slot) {
                entries += 1;
                bytes = bytes.saturating_add(record.size);
                let found = self.index.locate(record.key);
                right &= found.is_some_and(|(at, _)| at == slot);
            }
        }
        let tagged: u64 = (0..geometry.groups)
            .filter_map(|group| self.index.tags(group))
            .map(Tags::used)
            .sum();
        right &= (self.index.len(), self.index.total_size(), tagged) == (entries, bytes, entries);
        if !right {
            self.reindex();
        }
        right
    }

    /// Rebuilds tags, counts and sums from the slots, and empties slots with a key that occurs twice. Readers find the
    /// same records all the time.
    pub(in crate::artifacts) fn reindex(&self) {
        let geometry = self.index.geometry;
        let mut living: HashMap<Key, (usize, IndexRecord)> = HashMap::new();
        for slot in 0..geometry.slots() {
            match self.index.read_slot(slot) {
                SlotContent::Live(record) if self.is_reachable(&record, slot / GROUP_SLOTS) => {
                    match living.get(&record.key) {
                        Some((_, other)) if other.created_ms >= record.created_ms => {
                            self.write(slot, None);
                        }
                        Some((other, _)) => {
                            self.write(*other, None);
                            living.insert(record.key, (slot, record));
                        }
                        None => {
                            living.insert(record.key, (slot, record));
                        }
                    }
                }
                // Without a tag, a broken slot is free.
                _ => {}
            }
        }
        let mut tags = vec![Tags(0); geometry.groups];
        let mut bytes = 0u64;
        for (slot, record) in living.values() {
            let (hash, group) = (mix(record.key.0), slot / GROUP_SLOTS);
            if let Some(word) = tags.get_mut(group) {
                *word = word.with(slot % GROUP_SLOTS, Tags::tag(hash));
            }
            for passed in geometry.probe(hash).take_while(|at| *at != group) {
                if let Some(word) = tags.get_mut(passed) {
                    *word = word.add_overflow(1);
                }
            }
            bytes = bytes.saturating_add(record.size);
        }
        for (group, tags) in tags.into_iter().enumerate() {
            self.set_tags(group, tags);
        }
        self.index.set_header(word::ENTRIES, living.len() as u64);
        self.index.set_header(word::BYTES, bytes);
    }

    /// Whether a search for that record visits that group.
    fn is_reachable(&self, record: &IndexRecord, group: usize) -> bool {
        let mut way = self.index.geometry.probe(mix(record.key.0));
        way.any(|at| at == group)
    }
}
