//! Making the index agree with the disk: key by key where the log of changes says which ones, else
//! by looking at everything under `ab/cd/`. Keys are settled under the writers' lock in small
//! batches, so that commits pass in between, and readers never notice. Background threads.

use std::io;

use super::LOCKED;
use crate::artifacts::{
    Key, Store,
    dir_fd::DirFd,
    journal::{self, Changes},
    layout::{CacheDir, none_if_absent},
};
use crate::{
    Error, Result,
    error::IoContext as _,
    failpoint::{FailPoint, reach},
};

/// Keys that are settled under one holding of the lock: a millisecond or so.
const BATCH: usize = 64;

impl Store {
    /// Whether the index was never filled from the disk, or knows that it has missed something.
    /// Looks at memory only.
    #[must_use]
    pub fn needs_preparation(&self) -> bool {
        !self.index.is_filled() || self.index.needs_rescan() || self.index.is_interrupted()
    }

    /// Brings the index up to date: fills it, repairs it after a dead writer, follows what others
    /// have changed past it, and takes over a piece of an old plugin's cache. A few microseconds
    /// where nothing is to be done, so it may be called every second; else up to seconds.
    ///
    /// # Errors
    /// The directory can't be read. That another process keeps the index's lock is none: the index
    /// misses what it doesn't know, and the next call tries again.
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

    /// Whether the log of changes is longer than this index has followed, or another one: somebody has
    /// changed something past it. One system call, and none that waits for a server, so that it may
    /// be asked every second on any thread.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.last_seen
            .differs(journal::file_stamp(&self.cache_dir), self.index.position())
    }

    /// Learns what was changed past the index.
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
            // Who can't read the log learns of a change when it asks the disk.
            Err(error) => {
                log::debug!(error:%; "changes of others not followed");
                Ok(())
            }
        }
    }

    /// Notes a change for the other indexes of this directory.
    pub(in crate::artifacts) fn append_change(&self, key: Key) {
        match journal::append(&self.cache_dir, key) {
            Ok(position) => self.index.advance_position(position),
            Err(error) => log::debug!(cache_key:% = key, error:%; "change not announced"),
        }
    }

    /// Makes the whole index agree with the disk. Returns how many artifacts it holds then.
    ///
    /// # Errors
    /// The directory can't be read. [`Error::Timeout`]: another process keeps the index's lock.
    pub fn rebuild(&self) -> Result<usize> {
        let doing = || format!("reading the artifact cache {}", self.options.dir.display());
        let first = !self.index.is_filled();
        self.last_seen.set(journal::file_stamp(&self.cache_dir));
        let position = journal::end(&self.cache_dir).unwrap_or_default();
        self.index.begin_rescan();
        reach(FailPoint::RebuildBegun);
        if let (false, Some(writer)) = (first, self.writer()) {
            writer.reindex();
        }
        let mut found = Vec::new();
        for (_, outer) in self.open_shards().context(doing)? {
            let keys = keys(&outer).context(doing)?;
            self.sync_batches(&keys)?;
            found.extend(keys);
            reach(FailPoint::RebuildFolder);
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
        reach(FailPoint::RebuildEnded);
        let entries = self.index.len();
        log::debug!(entries, gone = gone.len(); "artifact index filled from disk");
        Ok(usize::try_from(entries).unwrap_or(usize::MAX))
    }

    /// The folders of the directory; none where it was removed. One that stands in another one's place
    /// has an index of its own, which those who come from now on open: the old one leaves no file
    /// behind, and is kept in step for those who have it.
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

/// The folders `00` to `ff` that exist, with their numbers.
pub(in crate::artifacts) fn folders(
    cache_dir: &CacheDir,
) -> io::Result<impl Iterator<Item = (u8, DirFd)>> {
    Ok(shards_of(cache_dir.root()?))
}

fn shards_of(root: DirFd) -> impl Iterator<Item = (u8, DirFd)> {
    (0..=255u8).filter_map(move |byte| Some((byte, root.open_dir(&format!("{byte:02x}")).ok()?)))
}

/// The folders below one of them.
pub(in crate::artifacts) fn inner(outer: &DirFd) -> io::Result<impl Iterator<Item = DirFd>> {
    Ok(outer
        .names()?
        .filter_map(|name| outer.open_dir(&name.ok()?).ok()))
}

/// The keys of all entries below one of them.
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
