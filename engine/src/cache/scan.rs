//! Operations that visit the whole table: keys, removal of all values or of invalid ones. Other processes store and
//! remove meanwhile. On PHP's threads, and on the leader's.

use std::sync::atomic::Ordering;

use super::{
    Cache,
    entry::{Encoding, Kind, Space},
    layout::header,
    occupancy, pattern,
    stats::Counter,
    table::{self, Found},
};
use crate::host::clock;

/// An entry that a scan has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its key.
    pub key: Vec<u8>,
    /// Bytes of its content: key, value and head.
    pub bytes: usize,
    /// When it was stored, in milliseconds since 1970.
    pub stored_ms: u64,
    /// Its lifetime from then on, in milliseconds; `None`: until it is evicted.
    pub ttl_ms: Option<u64>,
}

impl EntryInfo {
    /// `now` is in milliseconds since boot, `unix` the same moment in milliseconds since 1970.
    fn of(found: &Found, key: Vec<u8>, now: u64, unix: u64) -> Self {
        let head = &found.head;
        Self {
            key,
            bytes: head.stored_bytes(),
            stored_ms: unix.saturating_sub(now.saturating_sub(head.created)),
            ttl_ms: (head.expires != 0).then(|| head.expires.saturating_sub(head.created)),
        }
    }
}

impl Cache {
    /// Removes all values, and no locks.
    pub fn clear(&self) {
        self.clear_in(Space::Values);
        self.memory
            .word(header::CLEARED)
            .store(clock::unix_ms(), Ordering::Relaxed);
    }

    /// Removes all values of a space.
    pub fn clear_in(&self, space: Space) {
        let blocks = self.blocks(self.now());
        table::for_each_slot(&self.memory, 0, |slot, word| {
            let found = Found::load(&self.memory, slot, word);
            if found.is_some_and(|found| found.head.kind() == space.kind()) {
                blocks.remove(slot, word);
            }
            true
        });
        // All is visited anyway.
        occupancy::demand_recount(&self.memory);
        occupancy::recount_if_due(&self.memory, self.owners.own());
    }

    /// Removes expired entries, values that `remember()` may still return apart, and those with an invalidated tag.
    pub fn prune(&self) {
        let now = self.now();
        let blocks = self.blocks(now);
        table::for_each_slot(&self.memory, 0, |slot, word| {
            let found = Found::load(&self.memory, slot, word);
            let is_over = found.is_some_and(|found| {
                found.head.is_too_stale(now)
                    || !found.head.has_current_tags(&self.memory, found.block)
            });
            if is_over && blocks.remove(slot, word) {
                self.count(Counter::Expired);
            }
            true
        });
    }

    /// Removes the values whose keys match a pattern, among at most so many slots from the position `from` on. Returns
    /// their number and the position to go on from; `None` at the end of the table.
    pub fn delete_matching(
        &self,
        pattern: &[u8],
        from: usize,
        slots: usize,
    ) -> (usize, Option<usize>) {
        let blocks = self.blocks(self.now());
        let (mut removed, mut visited) = (0, 0);
        let next = table::for_each_slot(&self.memory, from, |slot, word| {
            visited += 1;
            if let Some(found) = Found::load(&self.memory, slot, word)
                && found.head.kind() == Kind::Value
            {
                let key = found.head.key(&self.memory, found.block);
                let is_valid = self.is_valid(&found);
                if pattern::matches(pattern, &key) && blocks.remove(slot, word) && is_valid {
                    removed += 1;
                    self.count(Counter::Deletes);
                }
            }
            visited < slots
        });
        (removed, next)
    }

    /// Calls `visit` with keys that have values, in the order of the table, from the one after `after` on, until it
    /// returns `false`. Keys that are stored or removed meanwhile may be missed.
    pub fn for_each_key(&self, after: Option<&[u8]>, mut visit: impl FnMut(Vec<u8>) -> bool) {
        let start = after.map_or(0, |after| {
            table::position(&self.memory, self.hashed(Kind::Value, after))
        });
        table::for_each_slot(&self.memory, start, |slot, word| {
            let Some(found) = Found::load(&self.memory, slot, word) else {
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

    /// Calls `visit` with the values of a space, in the order of the table, from the position `from` on (0: the first),
    /// until it returns `false`. Returns the position after the last one, or `None` at the end of the table. Values
    /// that are stored or removed meanwhile may be missed.
    pub fn scan_in(
        &self,
        space: Space,
        from: usize,
        mut visit: impl FnMut(EntryInfo) -> bool,
    ) -> Option<usize> {
        let (now, unix) = (self.now(), clock::unix_ms());
        table::for_each_slot(&self.memory, from, |slot, word| {
            let Some(found) = Found::load(&self.memory, slot, word) else {
                return true;
            };
            if found.head.kind() != space.kind() || !self.is_valid(&found) {
                return true;
            }
            let key = found.head.key(&self.memory, found.block);
            if !found.is_unchanged(&self.memory) {
                return true;
            }
            visit(EntryInfo::of(&found, key, now, unix))
        })
    }

    /// Number and bytes of the values of a space.
    pub(super) fn size_of(&self, space: Space) -> (u64, u64) {
        let (mut entries, mut bytes) = (0, 0);
        table::for_each_slot(&self.memory, 0, |slot, word| {
            let found = Found::load(&self.memory, slot, word)
                .filter(|found| found.head.kind() == space.kind() && self.is_valid(found));
            if let Some(found) = found
                && found.is_unchanged(&self.memory)
            {
                entries += 1;
                bytes += found.head.stored_bytes() as u64;
            }
            true
        });
        (entries, bytes)
    }

    /// The entry of a key in a space. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn info_in(&self, space: Space, key: &[u8]) -> Option<EntryInfo> {
        let hashed = self.hashed(space.kind(), key);
        let found = table::read(&self.memory, hashed, |found| {
            self.is_valid(found).then_some(*found)
        });
        let found = found.flatten()?;
        Some(EntryInfo::of(
            &found,
            key.to_vec(),
            self.now(),
            clock::unix_ms(),
        ))
    }

    /// Encoding and bytes of the value of a key in a space. Counts neither as a read nor as a hit.
    #[must_use]
    pub fn peek_in(&self, space: Space, key: &[u8]) -> Option<(Encoding, Vec<u8>)> {
        let hashed = self.hashed(space.kind(), key);
        table::read(&self.memory, hashed, |found| {
            self.is_valid(found)
                .then(|| (found.head.encoding, self.value_bytes(found)))
        })
        .flatten()
    }
}
