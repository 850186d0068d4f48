//! What a store is told when it is opened. Plain values.

use std::{path::PathBuf, time::Duration};

/// How a store is to be.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The cache directory; made where it is missing.
    pub dir: PathBuf,
    /// The id of the group that shares the cache directory, where this store makes it.
    pub group: Option<u32>,
    /// Target the index's segment lies: on tmpfs, checked by `host::Dirs`.
    pub run_dir: PathBuf,
    /// How many artifacts are kept; fixes the index's capacity. 1 and more.
    pub max_entries: u32,
    /// How many bytes of binaries are kept; no single one is larger.
    pub max_size: u64,
    /// How long artifacts live whose lifetime nobody knows (those of the old layout).
    pub ttl: Duration,
    /// What was found or made that lately is not evicted. 5 minutes by default.
    pub grace: Duration,
    /// Whether its numbers are those of the gauges of the cache; of one store of a process they are.
    pub shown: bool,
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
            shown: true,
        }
    }
}
