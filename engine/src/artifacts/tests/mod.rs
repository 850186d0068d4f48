//! The room from outside: what a builder, PHP's thread and a cleaner see of it.

mod store;

use std::{io::Write as _, sync::Arc, sync::atomic::AtomicU64, time::Duration};

use serde_json::json;
use tempfile::TempDir;

use super::{Clock, CommitMeta, ConfigDigest, Key, Record, Store, StoreOptions};

pub(super) const NOW: u64 = 1_800_000_000_000;
pub(super) const HOUR: u64 = 3_600_000;

/// A cache directory, a directory for segments, and a clock that the test owns.
pub(super) struct House {
    pub dir: TempDir,
    pub run: TempDir,
    pub clock: Clock,
    pub hand: Arc<AtomicU64>,
}

impl House {
    pub fn new() -> Self {
        let (clock, hand) = Clock::manual(NOW);
        Self {
            dir: tempfile::tempdir().unwrap(),
            run: tempfile::tempdir().unwrap(),
            clock,
            hand,
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

pub(super) fn put(store: &Store, key: u64, bytes: &[u8]) -> Record {
    put_as(store, meta(key), bytes)
}

pub(super) fn put_as(store: &Store, meta: CommitMeta, bytes: &[u8]) -> Record {
    let mut staging = store.stage().unwrap();
    staging.write_all(bytes).unwrap();
    store.commit(staging, meta).unwrap()
}
