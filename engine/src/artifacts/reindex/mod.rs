//! Making the index say what the disk says, key by key, under the writers' lock; repair after a
//! writer that died is nothing else. Threads that may wait.

pub(crate) mod scan;

use super::{
    Key, Record, Store,
    index::{LOCK_TIMEOUT, Note, Stored, Writer},
};
use crate::failpoint::{FailPoint, reach};

/// Why the index can't be changed.
pub(super) const LOCKED: &str = "another process keeps the lock of the index";

impl Store {
    /// The right to change the index. Whoever gets it first finishes what a dead writer began.
    /// `None`: not within [`LOCK_TIMEOUT`]; the index then knows that it has missed something.
    pub(super) fn writer(&self) -> Option<Writer<'_>> {
        let Some(writer) = self.index.writer(LOCK_TIMEOUT) else {
            self.index.want_rescan();
            return None;
        };
        let interrupted = writer.interrupted();
        if !interrupted.is_empty() {
            log::warn!(cache_keys:? = interrupted; "index repaired after a dead writer");
            writer.reindex();
            reach(FailPoint::IndexRepairing);
            for key in interrupted {
                self.settle_with(&writer, key);
            }
            reach(FailPoint::IndexRepaired);
            writer.repaired();
        } else if self.index.len() > self.index.capacity().into() {
            // No writer counts so far: somebody else has changed the header.
            log::warn!(entries = self.index.len(); "index repaired, its count was wrong");
            writer.reindex();
        }
        Some(writer)
    }

    /// Makes the index say of a key what the disk says. `false`: it can't be changed now.
    pub(super) fn settle(&self, key: Key) -> bool {
        self.settle_all(&[key])
    }

    /// As [`Store::settle`], of some keys under one holding of the lock.
    pub(super) fn settle_all(&self, keys: &[Key]) -> bool {
        let Some(writer) = self.writer() else {
            return false;
        };
        for key in keys {
            writer.noting(*key, Note::Change, || self.settle_with(&writer, *key));
        }
        true
    }

    pub(super) fn settle_with(&self, writer: &Writer<'_>, key: Key) {
        match self.disk.record(key) {
            Ok(Some(record)) => {
                self.admit(writer, &record);
            }
            Ok(None) => {
                writer.remove(key);
            }
            Err(error) => {
                log::warn!(cache_key:% = key, error:%; "cache entry unreadable");
                self.index.want_rescan();
            }
        }
    }

    /// Stores a record in the index, and evicts where there is no place.
    pub(super) fn admit(&self, writer: &Writer<'_>, record: &Record) {
        // A victim near the record's home frees a place that it can take.
        for _ in 0..2 {
            if writer.store(record) == Stored::Done {
                return;
            }
            self.make_place(writer, record.key);
        }
        log::warn!(cache_key:% = record.key; "index full");
    }
}
