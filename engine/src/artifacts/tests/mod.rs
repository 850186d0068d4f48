//! The module from outside: as builders, PHP's thread, cleaners and other processes use it.

mod child;
mod cleaning;
mod clocks;
mod damage;
mod death;
mod eviction;
mod index_json;
mod indexes;
mod mounts;
mod odd;
mod processes;
mod store;
mod trouble;

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use super::{
    Clock, CommitMeta, ConfigDigest, EvictScope, IndexRecord, Key, Store, StoreOptions, is_full,
};

pub(super) const HOUR: u64 = 3_600_000;
/// Longer than every grace period of the module.
pub(super) const LATER: u64 = HOUR / 4;

/// A cache directory, a directory for segments, and a clock that the test owns. It starts at the
/// present, since the ages of files are compared with it.
pub(super) struct Fixture {
    pub dir: TempDir,
    pub run: TempDir,
    pub clock: Clock,
    hand: Arc<AtomicU64>,
}

impl Fixture {
    pub fn new() -> Self {
        let (clock, hand) = Clock::manual(Clock::System.now_ms());
        Self {
            dir: tempfile::tempdir().unwrap(),
            run: tempfile::tempdir().unwrap(),
            clock,
            hand,
        }
    }

    /// The same in memory, for tests whose thousands of commits need not wait for a disk.
    pub fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let dir = || tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        Self {
            dir: dir().unwrap(),
            run: dir().unwrap(),
            ..Self::new()
        }
    }

    pub fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new(self.dir.path(), self.run.path());
        options.max_entries = 64;
        options
    }

    pub fn open(&self) -> Store {
        self.open_with(self.options())
    }

    pub fn open_with(&self, options: StoreOptions) -> Store {
        let store = Store::attach(options, self.clock.clone()).unwrap();
        store.prepare().unwrap();
        store
    }

    pub fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    pub fn advance(&self, ms: u64) {
        self.hand.fetch_add(ms, Ordering::Relaxed);
    }

    /// Everything below the cache directory that is a file, but the log of changes.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().unwrap() != "changes" {
                    let path = path.strip_prefix(self.dir.path()).unwrap();
                    files.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }
}

pub(super) fn meta(key: u64) -> CommitMeta {
    let config = json!({"rr_version": "v2025.1.2", "n": key});
    CommitMeta {
        key: Key(key),
        digest: ConfigDigest::of_value(&config),
        config,
        build_ms: 1500,
        ttl: Duration::from_secs(7 * 86_400),
        replace: false,
    }
}

pub(super) fn replacing(key: u64) -> CommitMeta {
    CommitMeta {
        replace: true,
        ..meta(key)
    }
}

pub(super) fn put(store: &Store, key: u64, bytes: &[u8]) -> IndexRecord {
    put_as(store, meta(key), bytes).unwrap()
}

pub(super) fn put_as(store: &Store, meta: CommitMeta, bytes: &[u8]) -> crate::Result<IndexRecord> {
    let mut staging = store.stage()?;
    staging
        .write_all(bytes)
        .map_err(|error| crate::Error::io("staging", error))?;
    store.commit(staging, meta)
}

/// The directory of a key.
pub(super) fn shard_path(fixture: &Fixture, key: Key) -> PathBuf {
    let [outer, inner] = key.shard_names();
    fixture.dir.path().join(outer).join(inner)
}
