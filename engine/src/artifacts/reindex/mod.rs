//! Synchronises the index with the disk, key by key, under the writer lock; repairs it after a writer that died.
//! Threads that may wait.

pub(crate) mod scan;

use super::{
    IndexRecord, Key, Store,
    index::{LOCK_TIMEOUT, Pending, Stored, Writer},
};
use crate::failpoint::failpoint;

/// The error when the writer lock is not acquired.
pub(super) const LOCKED: &str = "another process keeps the lock of the index";

impl Store {
    /// Acquires the writer lock, and completes the changes of a writer that died. Returns `None` after
    /// [`LOCK_TIMEOUT`]; the index is then marked for a rescan.
    pub(super) fn writer(&self) -> Option<Writer<'_>> {
        let Some(writer) = self.index.writer(LOCK_TIMEOUT) else {
            self.index.request_rescan();
            return None;
        };
        let interrupted = writer.interrupted_keys();
        if !interrupted.is_empty() {
            log::warn!(cache_keys:? = interrupted; "index repaired after a dead writer");
            writer.reindex();
            failpoint!("index.repairing");
            for key in interrupted {
                self.sync_key_with(&writer, key);
            }
            failpoint!("index.repaired");
            writer.clear_pending();
        } else if self.index.len() > self.index.capacity().into() {
            // No writer counts that far: the header was changed by something else.
            log::warn!(entries = self.index.len(); "index repaired, its count was wrong");
            writer.reindex();
        }
        Some(writer)
    }

    /// Updates the index with the state of `key` on disk. Returns `false` if the index can't be changed now.
    pub(super) fn sync_key(&self, key: Key) -> bool {
        self.sync_keys(&[key])
    }

    /// As [`Store::sync_key`], for several keys under one lock.
    pub(super) fn sync_keys(&self, keys: &[Key]) -> bool {
        let Some(writer) = self.writer() else {
            return false;
        };
        for key in keys {
            writer.with_pending(*key, Pending::Change, || self.sync_key_with(&writer, *key));
        }
        true
    }

    pub(super) fn sync_key_with(&self, writer: &Writer<'_>, key: Key) {
        match self.cache_dir.read_record(key) {
            Ok(Some(record)) => {
                self.index_record(writer, &record);
            }
            Ok(None) => {
                writer.remove(key);
            }
            Err(error) => {
                log::warn!(cache_key:% = key, error:%; "cache entry unreadable");
                self.index.request_rescan();
            }
        }
    }

    /// Stores a record in the index, and evicts another one if there is no slot.
    pub(super) fn index_record(&self, writer: &Writer<'_>, record: &IndexRecord) {
        // A record evicted near this one's home leaves a slot that this one can use.
        for _ in 0..2 {
            if writer.store(record) == Stored::Done {
                return;
            }
            self.make_space_near(writer, record.key);
        }
        log::warn!(cache_key:% = record.key; "index full");
    }
}
