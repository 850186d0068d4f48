//! A binary in hand: what the index knows of it, and for one that was not kept, where it lies.

use std::{fs::File, io::Read, path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    artifacts::{ConfigDigest, Key, Record, Store},
    velox::{Artifact, CacheStatus},
};

/// A found or built binary.
#[derive(Debug, Clone)]
pub struct ArtifactHandle {
    /// Key, hash, size and times.
    pub record: Record,
    /// It was there before it was asked for.
    pub is_hit: bool,
    /// Set where the store doesn't hold it.
    pub temporary: Option<Arc<TemporaryArtifact>>,
}

/// A binary beside the store: the cache is off, or its directory can't be written.
#[derive(Debug)]
pub struct TemporaryArtifact {
    /// Where it lies for a while.
    pub path: PathBuf,
    /// What it was built from.
    pub config: serde_json::Value,
}

impl ArtifactHandle {
    /// What the index gave.
    #[inline]
    #[must_use]
    pub fn hit(record: Record) -> Self {
        Self {
            record,
            is_hit: true,
            temporary: None,
        }
    }

    /// What was just built or put, and is kept.
    #[must_use]
    pub fn miss(record: Record) -> Self {
        Self {
            is_hit: false,
            ..Self::hit(record)
        }
    }

    /// Stands for nothing: for an object that PHP tried to make by itself.
    #[must_use]
    pub fn empty() -> Self {
        Self::hit(Record {
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
}

impl ArtifactHandle {
    /// What a build brought. What doesn't lie in `store` is held by its path.
    #[must_use]
    pub fn from_build(artifact: Artifact, store: Option<&Store>) -> Self {
        let is_kept = store.is_some_and(|store| store.path(&artifact.record) == artifact.path);
        Self {
            record: artifact.record,
            is_hit: artifact.cache_status == CacheStatus::Hit,
            temporary: (!is_kept).then(|| {
                Arc::new(TemporaryArtifact {
                    path: artifact.path,
                    config: artifact.config,
                })
            }),
        }
    }
}

impl TemporaryArtifact {
    /// Opens it, if it still has its size.
    #[must_use]
    pub fn open(&self, record: &Record) -> Option<File> {
        let file = File::open(&self.path).ok()?;
        (file.metadata().ok()?.len() == record.size).then_some(file)
    }

    /// Hashes it again.
    #[must_use]
    pub fn verify(&self, record: &Record) -> bool {
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
