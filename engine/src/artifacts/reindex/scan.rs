//! Synchronises the index with the disk: the keys in the journal, or else everything under `ab/cd/`. Keys are
//! synchronised under the writer lock in small batches, so that commits get in between, and readers are not affected.
//! Background threads.

use std::io;

use super::LOCKED;
use crate::artifacts::{
    Key, Store,
    dir_fd::DirFd,
    journal::{self, Changes},
    layout::{CacheDir, none_if_absent},
};
use crate::{Error, Result, error::IoContext as _, failpoint::failpoint};

/// Keys synchronised under one lock, which takes about a millisecond.
const BATCH: usize = 64;

impl Store {
    /// Whether the index was never filled from the disk, or is marked for a rescan or a repair. Reads memory only.
    #[must_use]
    pub fn needs_preparation(&self) -> bool {
        !self.index.is_filled() || self.index.needs_rescan() || self.index.is_interrupted()
    }

    /// Brings the index up to date: fills it, repairs it after a writer that died, applies the changes of other
    /// processes, and imports a part of a Velox plugin's cache. Takes a few microseconds if there is nothing to do, so
    /// it may run every second; else up to seconds.
    ///
    /// # Errors
    /// The directory can't be read. A lock that another process holds is no error: the index misses artifacts until the
    /// next call.
    pub fn prepare(&self) -> Result<()> {
        if self.index.is_interrupted() {
            drop(self.writer());
        }
        let updated = if !self.index.is_filled() || self.index.needs_rescan() {
            self.rebuild().map(drop)
        } else {
            self.apply_changes()
        };
        match updated {
            Err(Error::Timeout(why)) => log::warn!(why; "artifact index not up to date"),
            updated => updated?,
        }
        if self.needs_import() && self.is_writable() {
            self.import_batch()?;
        }
        Ok(())
    }

    /// Whether the journal is longer than this index has applied, or another file: another process has changed
    /// something. One system call that waits for no server, so any thread may ask every second.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.last_seen
            .differs(journal::file_stamp(&self.cache_dir), self.index.position())
    }

    /// Applies the changes of other processes.
    fn apply_changes(&self) -> Result<()> {
        self.last_seen.set(journal::file_stamp(&self.cache_dir));
        match journal::since(&self.cache_dir, self.index.position()) {
            Ok(Changes::None) => Ok(()),
            Ok(Changes::Unknown(_)) => self.rebuild().map(drop),
            Ok(Changes::Keys(keys, to)) => {
                self.sync_batches(&keys)?;
                self.index.set_position(to);
                Ok(())
            }
            // A process that can't read the journal learns of a change when it reads the disk.
            Err(error) => {
                log::debug!(error:%; "changes of others not followed");
                Ok(())
            }
        }
    }

    /// Appends a change for the other indexes of this directory.
    pub(in crate::artifacts) fn append_change(&self, key: Key) {
        match journal::append(&self.cache_dir, key) {
            Ok(position) => self.index.advance_position(position),
            Err(error) => log::debug!(cache_key:% = key, error:%; "change not announced"),
        }
    }

    /// Synchronises the whole index with the disk. Returns its number of artifacts.
    ///
    /// # Errors
    /// The directory can't be read. [`Error::Timeout`]: another process holds the index's lock.
    pub fn rebuild(&self) -> Result<usize> {
        let doing = || format!("reading the artifact cache {}", self.options.dir.display());
        let first = !self.index.is_filled();
        self.last_seen.set(journal::file_stamp(&self.cache_dir));
        let position = journal::end(&self.cache_dir).unwrap_or_default();
        self.index.begin_rescan();
        failpoint!("rebuild.begun");
        if let (false, Some(writer)) = (first, self.writer()) {
            writer.reindex();
        }
        let mut found = Vec::new();
        for (_, outer) in self.open_shards().context(doing)? {
            let keys = keys(&outer).context(doing)?;
            self.sync_batches(&keys)?;
            found.extend(keys);
            failpoint!("rebuild.folder");
        }
        found.sort_unstable();
        let known = self.index.records().map(|record| record.key);
        let gone: Vec<Key> = known
            .filter(|key| found.binary_search(key).is_err())
            .collect();
        self.sync_batches(&gone)?;
        if first {
            self.restore_uses();
        }
        self.index.set_position(position);
        self.index.end_rescan();
        failpoint!("rebuild.ended");
        let entries = self.index.len();
        log::debug!(entries, gone = gone.len(); "artifact index filled from disk");
        Ok(usize::try_from(entries).unwrap_or(usize::MAX))
    }

    /// Opens the directories `00` to `ff`; none if the cache directory was removed. A directory that replaced it has an
    /// index of its own, which new processes open: this one's file is removed, and it is kept up to date for the
    /// processes that have it mapped.
    fn open_shards(&self) -> io::Result<Vec<(u8, DirFd)>> {
        if self.cache_dir.dir_id().is_ok_and(|now| now != self.dir_id) {
            self.index.retire();
        }
        let folders = none_if_absent(self.cache_dir.root())?.map(|root| shards_of(root).collect());
        Ok(folders.unwrap_or_default())
    }

    fn sync_batches(&self, keys: &[Key]) -> Result<()> {
        if keys.chunks(BATCH).all(|batch| self.sync_keys(batch)) {
            return Ok(());
        }
        self.index.request_rescan();
        Err(Error::Timeout(LOCKED.to_owned()))
    }
}

/// Opens the directories `00` to `ff` that exist, with their numbers.
pub(in crate::artifacts) fn folders(
    cache_dir: &CacheDir,
) -> io::Result<impl Iterator<Item = (u8, DirFd)>> {
    Ok(shards_of(cache_dir.root()?))
}

fn shards_of(root: DirFd) -> impl Iterator<Item = (u8, DirFd)> {
    (0..=255u8).filter_map(move |byte| Some((byte, root.open_dir(&format!("{byte:02x}")).ok()?)))
}

/// Opens the directories below one of them.
pub(in crate::artifacts) fn inner(outer: &DirFd) -> io::Result<impl Iterator<Item = DirFd>> {
    Ok(outer
        .names()?
        .filter_map(|name| outer.open_dir(&name.ok()?).ok()))
}

/// The keys of all metadata files below one of them.
fn keys(outer: &DirFd) -> io::Result<Vec<Key>> {
    let mut keys = Vec::new();
    for folder in inner(outer)? {
        for name in folder.names()? {
            if let Some(key) = name?.strip_suffix(".json") {
                keys.extend(Key::parse(key.as_bytes()));
            }
        }
    }
    Ok(keys)
}
