//! Reads the files of artifacts: binaries and metadata. Threads that may wait for a disk.

use std::{fs::File, path::PathBuf};

use sha2::{Digest as _, Sha256};

use super::{IndexRecord, Key, MetadataFile, Store, commit::copy, file_names};
use crate::{Error, Result, error::IoContext as _};

impl Store {
    /// The path of the binary.
    #[must_use]
    pub fn path(&self, record: &IndexRecord) -> PathBuf {
        self.options.dir.join(record.relative_path())
    }

    /// Opens the binary for reading. Returns `None`, logs, and updates the index if it is gone or has another size.
    ///
    /// # Errors
    /// An I/O error.
    pub fn open_binary(&self, record: &IndexRecord) -> Result<Option<File>> {
        let doing = || format!("opening {}", self.path(record).display());
        let opened = self
            .cache_dir
            .open_shard(record.key)
            .and_then(|place| match place {
                Some(place) => place.open(&record.file_name()),
                None => Ok(None),
            })
            .context(doing)?;
        if let Some(file) = opened {
            let size = file.metadata().context(doing)?.len();
            if size == record.size {
                return Ok(Some(file));
            }
        }
        log::warn!(cache_key:% = record.key, path:% = self.path(record).display(); "cached binary missing");
        self.sync_key(record.key);
        Ok(None)
    }

    /// Hashes the binary again. Returns `false` if it is gone, or differs from the committed bytes.
    ///
    /// # Errors
    /// An I/O error.
    pub fn verify(&self, record: &IndexRecord) -> Result<bool> {
        let Some(file) = self.open_binary(record)? else {
            return Ok(false);
        };
        let mut hasher = Sha256::new();
        copy::hash(&file, 0, record.size, &mut hasher)
            .context(|| format!("reading {}", self.path(record).display()))?;
        Ok(<[u8; 32]>::from(hasher.finalize()) == record.sha256)
    }

    /// The configuration of an artifact, read from disk.
    ///
    /// # Errors
    /// [`Error::State`]: the metadata file is gone, or of another configuration.
    pub fn config(&self, record: &IndexRecord) -> Result<serde_json::Value> {
        match self.entry(record.key)? {
            Some(entry) if entry.record.digest == record.digest => Ok(entry.config),
            _ => Err(Error::State(format!(
                "artifact {} was removed or replaced meanwhile",
                record.key
            ))),
        }
    }

    /// Reads the metadata file of `key`, if it is valid.
    ///
    /// # Errors
    /// An I/O error.
    pub fn entry(&self, key: Key) -> Result<Option<MetadataFile>> {
        self.cache_dir
            .read_metadata(key)
            .context(|| self.reading(key))
    }

    /// Reads the record of `key` from disk, expired or not, and updates the index if it differs.
    ///
    /// # Errors
    /// An I/O error.
    pub fn read_disk(&self, key: Key) -> Result<Option<IndexRecord>> {
        let found = self
            .cache_dir
            .read_record(key)
            .context(|| self.reading(key))?;
        let known = self.index.get(key);
        // Except for the last use, which only the index has.
        let same = match (&found, &known) {
            (Some(found), Some(known)) => {
                *found
                    == IndexRecord {
                        accessed_ms: found.accessed_ms,
                        ..*known
                    }
            }
            (found, known) => found.is_none() && known.is_none(),
        };
        if same {
            return Ok(known);
        }
        self.sync_key(key);
        Ok(found)
    }

    fn reading(&self, key: Key) -> String {
        let name = file_names::metadata_name(key);
        format!("reading {name} in {}", self.options.dir.display())
    }
}
