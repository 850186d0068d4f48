//! Operations that visit the whole table: keys, removal of all values or of invalid ones. Other processes store and
//! remove meanwhile. On PHP's threads, and on the leader's.

use std::sync::atomic::Ordering;

use super::{
    Cache,
    entry::{self, Kind},
    layout::header,
    stats::Counter,
    table::{self, Found},
    words::SlotWord,
};
use crate::host::clock;

impl Cache {
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

    fn found(&self, slot: usize, word: SlotWord) -> Option<Found> {
        let block = word.block()?;
        Some(Found {
            slot,
            word,
            block,
            head: entry::Head::load(&self.memory, block),
        })
    }
}
