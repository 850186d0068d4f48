//! The store of one process: the disk, and the shared index in front of it. `find`, `find_exact` and `peek` run on
//! PHP's thread and read mapped memory only; functions that return a `Result` may wait for a disk, on a thread that
//! may.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    Clock, ConfigDigest, IndexRecord, Key, Staging, StoreOptions, index::Index, journal::LastSeen,
    layout::CacheDir, recent_commits::RecentCommits,
};
use crate::{Result, error::IoContext as _, metrics::velox as metrics};

/// The artifacts of one cache directory. Shared by all threads of a process; a forked child may use it too.
#[derive(Debug)]
pub struct Store {
    pub(super) options: StoreOptions,
    pub(super) cache_dir: CacheDir,
    pub(super) index: Index,
    pub(super) clock: Clock,
    /// Id of the directory when it was opened.
    pub(super) dir_id: u64,
    /// The journal when this process last read it.
    pub(super) last_seen: LastSeen,
    /// Artifacts that this process committed within the grace period.
    pub(super) recent_commits: RecentCommits,
    /// Time of the last check that the mapped index is current.
    checked_ms: AtomicU64,
}

/// Interval at which a lookup checks that the mapped index is current.
const CHECK_INTERVAL_MS: u64 = 2000;

impl Store {
    /// Opens the cache directory and its index, and fills the index from the disk if that was not done in this boot. A
    /// directory that can't be written is opened for reading.
    ///
    /// # Errors
    /// The directory is absent and can't be created, or can't be read.
    pub fn open(options: StoreOptions) -> Result<Self> {
        let store = Self::attach(options, Clock::System)?;
        store.prepare()?;
        Ok(store)
    }

    /// As [`Store::open`], but makes a handful of system calls only, so that PHP's thread may call it; if it
    /// [`Store::needs_preparation`], call [`Store::prepare`] on another thread.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn attach(mut options: StoreOptions, clock: Clock) -> Result<Self> {
        let doing = |dir: &Path| format!("opening the artifact cache {}", dir.display());
        let made = CacheDir::new(options.dir.clone(), options.group).create_dirs();
        made.context(|| doing(&options.dir))?;
        options.dir = options.dir.canonicalize().context(|| doing(&options.dir))?;
        let cache_dir = CacheDir::new(options.dir.clone(), options.group);
        let dir_id = cache_dir.dir_id().context(|| doing(&options.dir))?;
        let index = Index::open(&options.run_dir, dir_id, options.max_entries)
            .context(|| format!("mapping the index of {}", options.dir.display()))?;
        let store = Self {
            options,
            cache_dir,
            index,
            clock,
            dir_id,
            last_seen: LastSeen::default(),
            recent_commits: RecentCommits::default(),
            checked_ms: AtomicU64::default(),
        };
        store
            .checked_ms
            .store(store.clock.now_ms(), Ordering::Relaxed);
        if !store.is_writable() {
            log::warn!(dir:% = store.dir().display(); "artifact cache not writable");
        }
        Ok(store)
    }

    /// Returns the record for `key`, or `None` if it is absent or expired. No lock, no allocation, and a system call
    /// every two seconds. Whether its file still exists shows when it is opened.
    #[inline]
    #[must_use]
    pub fn find(&self, key: Key) -> Option<IndexRecord> {
        self.lookup(key, |_| true)
    }

    /// As [`Store::find`], if it is of that exact configuration.
    #[inline]
    #[must_use]
    pub fn find_exact(&self, key: Key, digest: ConfigDigest) -> Option<IndexRecord> {
        self.lookup(key, |record| record.digest == digest)
    }

    /// As [`Store::find_exact`], for a request that another process has looked up before: not counted as a lookup.
    #[must_use]
    pub fn find_again(&self, key: Key, digest: ConfigDigest) -> Option<IndexRecord> {
        self.find_record(key, |record| record.digest == digest)
    }

    #[inline]
    fn lookup(&self, key: Key, accept: impl FnOnce(&IndexRecord) -> bool) -> Option<IndexRecord> {
        let found = self.find_record(key, accept);
        match found {
            Some(_) => metrics::CACHE_HITS.inc(),
            None => metrics::CACHE_MISSES.inc(),
        }
        found
    }

    #[inline]
    fn find_record(
        &self,
        key: Key,
        accept: impl FnOnce(&IndexRecord) -> bool,
    ) -> Option<IndexRecord> {
        let now_ms = self.clock.now_ms();
        if now_ms.abs_diff(self.checked_ms.load(Ordering::Relaxed)) >= CHECK_INTERVAL_MS {
            self.check_index(now_ms);
        }
        self.index.find(key, now_ms, accept)
    }

    /// Maps the index that other processes use, if the mapped one is not current. One system call if it is.
    #[cold]
    #[inline(never)]
    fn check_index(&self, now_ms: u64) {
        self.checked_ms.store(now_ms, Ordering::Relaxed);
        if self.remap_index() && self.needs_preparation() {
            // As when it was opened: without a job, no other thread does it.
            if let Err(error) = self.prepare() {
                log::warn!(dir:% = self.dir().display(), error:%; "artifact index not up to date");
            }
        }
    }

    /// Maps the index that another process created after the mapped one's file was removed. Returns whether it did.
    pub fn remap_index(&self) -> bool {
        let renewed = self.index.is_stale() && self.index.renew();
        if renewed {
            log::info!(dir:% = self.dir().display(); "index was made anew by others");
        }
        renewed
    }

    /// The record for `key` in the index, expired or not; neither counted as a lookup nor recorded as a use.
    #[must_use]
    pub fn peek(&self, key: Key) -> Option<IndexRecord> {
        self.index.get(key)
    }

    /// Creates a temporary file for a binary of at most `max_size` bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io): the directory can't be written.
    pub fn stage(&self) -> Result<Staging> {
        let temp = self.cache_dir.create_temp().context(|| {
            format!(
                "making a temporary file in {}",
                self.cache_dir.temp_path().display()
            )
        })?;
        Ok(Staging::new(temp, self.options.max_size))
    }

    /// Whether artifacts can be committed now. A few system calls: a disk may be mounted again read-only, or writable,
    /// at any time.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.cache_dir.is_writable()
    }

    /// The path of [`Store::meta_dir`].
    #[must_use]
    pub fn meta_path(&self) -> PathBuf {
        self.cache_dir.meta_path()
    }

    /// Creates a removed directory again, with all its parents. The caller has restored the host's directories before.
    pub fn restore(&self) {
        if let Err(error) = self.cache_dir.create_dirs() {
            log::debug!(dir:% = self.dir().display(), error:%; "artifact cache not made anew");
        }
    }

    /// Creates the directory `.pillion`, which other modules use too, if it is absent. Returns its path.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io): it can't be created.
    pub fn meta_dir(&self) -> Result<PathBuf> {
        let path = self.meta_path();
        let made = self.cache_dir.create_meta_dir();
        made.context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// The canonical cache directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.options.dir
    }
}
