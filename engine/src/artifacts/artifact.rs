//! An artifact on its way from a lookup or a build to PHP. Small, because a lookup returns one: it holds no path and
//! no configuration unless its binary is outside the cache.

use std::{fs::File, io::Read, path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};

use super::{ConfigDigest, IndexRecord, Key, Store};

/// Whether an artifact was in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// It was in the cache.
    Hit,
    /// It was built for this request, or for another one at the same time.
    Miss,
}

impl CacheStatus {
    /// Returns `HIT` or `MISS`, the value of the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
        }
    }
}

/// The location of an artifact's binary.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// In the cache, at the path of its record.
    Cached,
    /// Outside the cache, which is off or can't be written.
    Temporary(Arc<TemporaryBinary>),
}

impl Location {
    /// A binary outside the cache.
    #[must_use]
    pub fn temporary(path: PathBuf, config: serde_json::Value) -> Self {
        Self::Temporary(Arc::new(TemporaryBinary { path, config }))
    }
}

/// A binary outside the cache, which is removed after an hour.
#[derive(Debug, PartialEq)]
pub struct TemporaryBinary {
    /// The binary's file.
    pub path: PathBuf,
    /// The configuration it was built from.
    pub config: serde_json::Value,
}

/// An artifact that was found or built.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// Its key, hash, size and times.
    pub record: IndexRecord,
    /// The location of its binary.
    pub location: Location,
    /// Whether it was in the cache.
    pub cache_status: CacheStatus,
}

impl Artifact {
    /// An artifact that was in the cache.
    #[inline]
    #[must_use]
    pub fn hit(record: IndexRecord) -> Self {
        Self {
            record,
            location: Location::Cached,
            cache_status: CacheStatus::Hit,
        }
    }

    /// An artifact that was committed to the cache just now.
    #[must_use]
    pub fn committed(record: IndexRecord) -> Self {
        Self {
            cache_status: CacheStatus::Miss,
            ..Self::hit(record)
        }
    }

    /// A placeholder for an object that PHP must not construct.
    #[must_use]
    pub fn empty() -> Self {
        Self::hit(IndexRecord {
            key: Key(0),
            sha256: [0; 32],
            size: 0,
            created_ms: 0,
            expires_ms: 0,
            accessed_ms: 0,
            build_ms: 0,
            digest: ConfigDigest(0),
        })
    }

    /// Returns the path of the binary; empty if it is cached and there is no `store`.
    #[must_use]
    pub fn path(&self, store: Option<&Store>) -> PathBuf {
        match (&self.location, store) {
            (Location::Temporary(binary), _) => binary.path.clone(),
            (Location::Cached, Some(store)) => store.path(&self.record),
            (Location::Cached, None) => PathBuf::new(),
        }
    }
}

impl TemporaryBinary {
    /// Opens the binary if it still has the size of its record.
    #[must_use]
    pub fn open(&self, record: &IndexRecord) -> Option<File> {
        let file = File::open(&self.path).ok()?;
        (file.metadata().ok()?.len() == record.size).then_some(file)
    }

    /// Hashes the binary again, and returns whether it matches its record.
    #[must_use]
    pub fn verify(&self, record: &IndexRecord) -> bool {
        let Some(mut file) = self.open(record) else {
            return false;
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0u8; 256 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return <[u8; 32]>::from(hasher.finalize()) == record.sha256,
                Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                Err(_) => return false,
            }
        }
    }
}
