//! The archives of this machine, for all checkouts of its user. One file each, which appears under its key with one
//! link: the first writer wins, and a process that is killed at any point leaves nothing half. A file is hashed before
//! it is handed out. Several processes may share the directory. Blocking threads.

use std::{
    fs::File,
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use crate::{
    Error, Result,
    remote::{
        local::LocalStore,
        object::{Metadata, ObjectName, Space},
        protocol::{Checksum, Namespace},
        usage::Limits,
    },
};

#[cfg(test)]
mod tests;

pub use crate::remote::protocol::Key as ArtifactKey;

/// An archive that is open for reading.
#[derive(Debug)]
pub struct Stored {
    /// Its file; the first `size` bytes are the archive.
    pub file: File,
    /// SHA-256 of the archive.
    pub sha256: Checksum,
    /// Bytes of the archive.
    pub size: u64,
    /// Whether this call has written it; otherwise it was there before.
    pub is_new: bool,
}

/// A directory of archives.
#[derive(Debug)]
pub struct Store {
    local: LocalStore,
    max_size: u64,
    /// Bytes that may be written before the directory is cleaned.
    until_cleaning: AtomicU64,
}

impl Store {
    /// Opens a directory; creates it if it is absent. Beyond `max_size` bytes, archives unused longest are removed; 0:
    /// no limit.
    ///
    /// # Errors
    /// It can't be created or written.
    pub fn open(directory: &Path, max_size: u64) -> Result<Self> {
        Ok(Self {
            local: LocalStore::open(directory).map_err(|error| match error {
                Error::Io { source, .. } => Error::Io {
                    context: format!("opening the store of outputs {}", directory.display()),
                    source,
                },
                other => other,
            })?,
            max_size,
            // The first archive of a process cleans: others may have written meanwhile.
            until_cleaning: AtomicU64::new(0),
        })
    }

    /// Whether there is an archive, which may be damaged.
    #[must_use]
    pub fn has(&self, key: &ArtifactKey) -> bool {
        let found = self.local.find(&name(key));
        found.is_ok_and(|found| found.is_some())
    }

    /// Finds an archive, and compares its SHA-256. One that is damaged is removed, and absent.
    #[must_use]
    pub fn get(&self, key: &ArtifactKey) -> Option<Stored> {
        let name = name(key);
        let found = self.local.find(&name);
        let found = found.and_then(|found| {
            let Some(found) = found else { return Ok(None) };
            let Metadata { sha256, size, .. } = found.metadata;
            let is_whole = Checksum::of_file(&found.file, size)? == sha256;
            if !is_whole {
                log::warn!(key:%; "stored outputs are damaged; removed");
                self.local.remove(&name, &found);
            } else if found.is_touch_due() {
                found.touch();
            }
            Ok(is_whole.then_some(Stored {
                file: found.file,
                sha256,
                size,
                is_new: false,
            }))
        });
        found
            .inspect_err(|error| log::warn!(key:%, error:%; "stored outputs can't be read"))
            .ok()
            .flatten()
    }

    /// Stores the archive that `write` writes into an empty file. Returns the archive under the key from now on: the
    /// first one. One that is larger than the limit of the store is returned, but not stored.
    ///
    /// # Errors
    /// Those of `write`, and those of the disk; nothing is stored.
    pub fn put(
        &self,
        key: &ArtifactKey,
        write: impl FnOnce(&mut File) -> Result<()>,
    ) -> Result<Stored> {
        let failed = |error: io::Error| Error::io(format!("storing outputs {key}"), error);
        let mut spool = self.local.spool().map_err(failed)?;
        spool.fill(write)?;
        let metadata = Metadata {
            sha256: spool.checksum(),
            size: spool.size(),
            tag: None,
            duration_ms: None,
            signature: None,
        };
        let new = Stored {
            file: spool.file().map_err(failed)?,
            sha256: metadata.sha256,
            size: metadata.size,
            is_new: true,
        };
        if self.max_size > 0 && metadata.size > self.max_size {
            return Ok(new);
        }
        let published = self.local.publish(&name(key), &spool, &metadata);
        if !published.map_err(failed)?
            && let Some(first) = self.get(key)
        {
            return Ok(first);
        }
        self.clean_after(metadata.size);
        Ok(new)
    }

    /// Cleans when enough bytes were written.
    fn clean_after(&self, bytes: u64) {
        if self.max_size == 0 {
            return;
        }
        let left = self.until_cleaning.load(Ordering::Relaxed);
        if left > bytes {
            self.until_cleaning.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        let limits = Limits {
            retention: Duration::ZERO,
            max_bytes: self.max_size,
        };
        match self.local.clean(limits, SystemTime::now()) {
            Ok(cleaned) => {
                let space = self.max_size.saturating_sub(cleaned.bytes);
                // Other processes write too.
                let next = space.min(self.max_size / 16);
                self.until_cleaning.store(next, Ordering::Relaxed);
            }
            Err(error) => log::warn!(error:%; "stored outputs not cleaned"),
        }
    }
}

fn name(key: &ArtifactKey) -> ObjectName {
    ObjectName {
        namespace: Namespace::trusted(),
        space: Space::Velocity,
        key: key.clone(),
    }
}
