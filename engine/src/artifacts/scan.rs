//! Comparing the index with the disk: everything under `ab/cd/` is looked at, and the index learns
//! what it doesn't know and forgets what isn't there. Keys are settled under the writers' lock in
//! small batches, so that commits pass in between and readers never notice. Background threads.

use std::io;

use super::{
    Key, Store,
    disk::Disk,
    folder::Folder,
    index::{Note, Writer},
};
use crate::{Result, error::IoContext as _};

/// Keys that are settled under one holding of the lock: a millisecond or less.
const BATCH: usize = 64;

impl Store {
    /// Whether the index was never filled from the disk, or has missed something.
    #[must_use]
    pub fn wants_preparation(&self) -> bool {
        !self.index.is_filled() || self.index.wants_rescan() || self.index.is_interrupted()
    }

    /// Does what [`Store::wants_preparation`] asks for. Cheap where nothing is to be done.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn prepare(&self) -> Result<()> {
        if !self.index.is_filled() || self.index.wants_rescan() {
            self.rebuild()?;
        } else if self.index.is_interrupted() {
            drop(self.writer());
        }
        Ok(())
    }

    /// Makes the whole index agree with the disk. Returns how many artifacts it holds then.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn rebuild(&self) -> Result<usize> {
        self.index.rescan_begins();
        let doing = || format!("reading the artifact cache {}", self.options.dir.display());
        let mut batch = Vec::with_capacity(BATCH);
        for outer in folders(&self.disk).context(doing)? {
            for key in keys(&outer).context(doing)? {
                batch.push(key);
                if batch.len() == BATCH {
                    self.settle_all(&mut batch);
                }
            }
        }
        self.settle_all(&mut batch);
        let known: Vec<Key> = self.index.records().map(|record| record.key).collect();
        for key in known {
            if matches!(self.disk.record(key), Ok(None)) {
                batch.push(key);
            }
            if batch.len() == BATCH {
                self.settle_all(&mut batch);
            }
        }
        self.settle_all(&mut batch);
        self.index.rescan_ends();
        Ok(usize::try_from(self.index.len()).unwrap_or(usize::MAX))
    }

    fn settle_all(&self, keys: &mut Vec<Key>) {
        if keys.is_empty() {
            return;
        }
        if let Some(writer) = self.writer() {
            for key in keys.iter() {
                self.settle_noted(&writer, *key);
            }
        }
        keys.clear();
    }

    fn settle_noted(&self, writer: &Writer<'_>, key: Key) {
        writer.noting(key, Note::Change, || self.settle_with(writer, key));
    }
}

/// The folders `00` to `ff` that exist.
fn folders(disk: &Disk) -> io::Result<impl Iterator<Item = Folder>> {
    let root = disk.root()?;
    Ok((0..=255u8).filter_map(move |byte| root.folder(&format!("{byte:02x}")).ok()))
}

/// The keys of all entries below one of them.
fn keys(outer: &Folder) -> io::Result<Vec<Key>> {
    let mut keys = Vec::new();
    for inner in outer.names()? {
        let Ok(inner) = outer.folder(&inner?) else {
            continue;
        };
        for name in inner.names()? {
            if let Some(key) = name?.strip_suffix(".json") {
                keys.extend(Key::parse(key.as_bytes()));
            }
        }
    }
    Ok(keys)
}
