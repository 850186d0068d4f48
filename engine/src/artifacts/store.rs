//! The store of one process: the disk, and the shared index in front of it. `find` and its kind run
//! on PHP's thread and touch mapped memory only; everything that returns a `Result` may wait for a
//! disk and belongs on a thread that may.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    Clock, ConfigDigest, IndexRecord, Key, MetadataFile, Staging, StoreOptions,
    cleanup::disk_space::RecentCommits, file_names, index::Index, journal::LastSeen,
    layout::CacheDir,
};
use crate::{Error, Result, error::IoContext as _, metrics::velox as metrics};

/// The artifacts of one cache directory. Shared by all threads of a process; a forked child may go
/// on using it.
#[derive(Debug)]
pub struct Store {
    pub(super) options: StoreOptions,
    pub(super) cache_dir: CacheDir,
    pub(super) index: Index,
    pub(super) clock: Clock,
    /// Of the directory as it was when it was opened.
    pub(super) dir_id: u64,
    /// At the log of changes, in this process.
    pub(super) last_seen: LastSeen,
    /// Made by this process within the grace.
    pub(super) recent_commits: RecentCommits,
    /// When the file of the index was last compared with the mapped one.
    checked_ms: AtomicU64,
}

/// How often a lookup compares the file of the index with the mapped one.
const CHECK_INTERVAL_MS: u64 = 2000;

impl Store {
    /// Opens the cache directory and its index, and fills the index from the disk where that has
    /// not been done in this boot. A directory that can't be written is opened for reading.
    ///
    /// # Errors
    /// The directory is missing and can't be made, or can't be read.
    pub fn open(options: StoreOptions) -> Result<Self> {
        let store = Self::attach(options, Clock::System)?;
        store.prepare()?;
        Ok(store)
    }

    /// As [`Store::open`], but never waits for more than a handful of system calls, so that PHP's
    /// thread may call it; where [`Store::needs_preparation`], somebody calls [`Store::prepare`].
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

    /// The artifact of that key, if the index knows one that has not expired. No lock, no allocation, and
    /// a system call every two seconds. Whether its file still stands is for whoever opens it to find out.
    #[inline]
    #[must_use]
    pub fn find(&self, key: Key) -> Option<IndexRecord> {
        self.lookup(key, |_| true)
    }

    /// As [`Store::find`], of that very configuration.
    #[inline]
    #[must_use]
    pub fn find_exact(&self, key: Key, digest: ConfigDigest) -> Option<IndexRecord> {
        self.lookup(key, |record| record.digest == digest)
    }

    #[inline]
    fn lookup(&self, key: Key, accept: impl FnOnce(&IndexRecord) -> bool) -> Option<IndexRecord> {
        let now_ms = self.clock.now_ms();
        if now_ms.abs_diff(self.checked_ms.load(Ordering::Relaxed)) >= CHECK_INTERVAL_MS {
            self.check_index(now_ms);
        }
        let found = self.index.find(key, now_ms, accept);
        match found {
            Some(_) => metrics::CACHE_HITS.inc(),
            None => metrics::CACHE_MISSES.inc(),
        }
        found
    }

    /// Sees to it that the mapped index is the one that other processes use. One system call where it is.
    #[cold]
    #[inline(never)]
    fn check_index(&self, now_ms: u64) {
        self.checked_ms.store(now_ms, Ordering::Relaxed);
        if self.remap_index() && self.needs_preparation() {
            // As when it was opened: without a job there is no other thread that could.
            if let Err(error) = self.prepare() {
                log::warn!(dir:% = self.dir().display(), error:%; "artifact index not up to date");
            }
        }
    }

    /// Maps the index that others have made where the mapped one's file was removed. `true`: done.
    pub fn remap_index(&self) -> bool {
        let renewed = self.index.is_stale() && self.index.renew();
        if renewed {
            log::info!(dir:% = self.dir().display(); "index was made anew by others");
        }
        renewed
    }

    /// What the index holds for that key, expired or not; not counted, and no use of it.
    #[must_use]
    pub fn peek(&self, key: Key) -> Option<IndexRecord> {
        self.index.get(key)
    }

    /// Target the binary stands.
    #[must_use]
    pub fn path(&self, record: &IndexRecord) -> PathBuf {
        self.options.dir.join(record.relative_path())
    }

    /// Opens the binary to read it. `None`, with a line in the log: it is gone, or not of its size;
    /// then it is gone from the index too.
    ///
    /// # Errors
    /// The disk's.
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

    /// Hashes the binary again; `false`: it is gone, or its bytes are not those that were committed.
    ///
    /// # Errors
    /// The disk's.
    pub fn verify(&self, record: &IndexRecord) -> Result<bool> {
        use sha2::{Digest as _, Sha256};
        let Some(file) = self.open_binary(record)? else {
            return Ok(false);
        };
        let mut hasher = Sha256::new();
        super::commit::copy::hash(&file, 0, record.size, &mut hasher)
            .context(|| format!("reading {}", self.path(record).display()))?;
        Ok(<[u8; 32]>::from(hasher.finalize()) == record.sha256)
    }

    /// The configuration it was built from, as it stands on disk.
    ///
    /// # Errors
    /// [`Error::State`]: there is no entry any longer, or one of another configuration.
    pub fn config(&self, record: &IndexRecord) -> Result<serde_json::Value> {
        match self.entry(record.key)? {
            Some(entry) if entry.record.digest == record.digest => Ok(entry.config),
            _ => Err(Error::State(format!(
                "artifact {} was removed or replaced meanwhile",
                record.key
            ))),
        }
    }

    /// The entry as it stands on disk, if it is whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn entry(&self, key: Key) -> Result<Option<MetadataFile>> {
        self.cache_dir
            .read_metadata(key)
            .context(|| self.reading(key))
    }

    /// The disk's truth about a key, expired or not. Target the index says otherwise it learns.
    ///
    /// # Errors
    /// The disk's.
    pub fn read_disk(&self, key: Key) -> Result<Option<IndexRecord>> {
        let found = self
            .cache_dir
            .read_record(key)
            .context(|| self.reading(key))?;
        let known = self.index.get(key);
        // All but the last use, which only the index knows.
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

    /// Begins a binary. At most `max_size` bytes.
    ///
    /// # Errors
    /// [`Error::Io`]: the directory can't be written.
    pub fn stage(&self) -> Result<Staging> {
        let temp = self.cache_dir.create_temp().context(|| {
            format!(
                "making a temporary file in {}",
                self.cache_dir.temp_path().display()
            )
        })?;
        Ok(Staging::new(temp, self.options.max_size))
    }

    /// Whether artifacts can be kept at this moment. A few system calls: a disk is mounted anew for
    /// reading only, and for writing again, while we live.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.cache_dir.is_writable()
    }

    /// Target [`Store::control`] is.
    #[must_use]
    pub fn control_path(&self) -> PathBuf {
        self.cache_dir.meta_path()
    }

    /// Makes the directory anew where it was removed, with all on the way to it. For who has seen to it
    /// that the directory of the host that it lies in stands with its own rights.
    pub fn restore(&self) {
        if let Err(error) = self.cache_dir.create_dirs() {
            log::debug!(dir:% = self.dir().display(), error:%; "artifact cache not made anew");
        }
    }

    /// The folder in the cache directory that other rooms use too, made where it is missing.
    ///
    /// # Errors
    /// [`Error::Io`]: it can't be made.
    pub fn control(&self) -> Result<PathBuf> {
        let path = self.control_path();
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
