//! Options of a store. Plain values.

use std::{path::PathBuf, time::Duration};

/// Options of a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The cache directory; created if it is absent.
    pub dir: PathBuf,
    /// The group that shares the cache directory if this store creates it.
    pub group: Option<u32>,
    /// The directory of the index's segment: on tmpfs, checked by `host::Dirs`.
    pub run_dir: PathBuf,
    /// Maximum number of artifacts, which fixes the index's capacity; at least 1.
    pub max_entries: u32,
    /// Maximum bytes of all binaries, and of a single one.
    pub max_size: u64,
    /// Lifetime of artifacts that have none of their own (those of the Velox plugin).
    pub ttl: Duration,
    /// Artifacts found or created within this time are not evicted. 5 minutes by default.
    pub grace: Duration,
}

impl StoreOptions {
    /// The defaults of the settings: 16,384 entries, 5,000 MB, 7 days, 5 minutes.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, run_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            run_dir: run_dir.into(),
            group: None,
            max_entries: 16_384,
            max_size: 5_000 << 20,
            ttl: Duration::from_secs(7 * 86_400),
            grace: Duration::from_secs(300),
        }
    }
}
