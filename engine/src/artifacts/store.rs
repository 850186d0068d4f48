//! The store of one process: the disk, and the shared index in front of it. `find` and its kind run
//! on PHP's thread and touch mapped memory only; everything that returns a `Result` may wait for a
//! disk and belongs on a thread that may.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Clock, ConfigDigest, Entry, Key, Record, Staging,
    counters::Counter,
    disk::{self, Disk},
    index::{Index, Note, PATIENCE, Stored, Writer},
};
use crate::{Error, Result, error::IoContext as _};

/// How a store is to be.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The cache directory; made where it is missing.
    pub dir: PathBuf,
    /// Where the index's segment lies: on tmpfs, checked by `host::Dirs`.
    pub run_dir: PathBuf,
    /// How many artifacts are kept; fixes the index's capacity. 1 and more.
    pub max_entries: u32,
    /// How many bytes of binaries are kept; no single one is larger.
    pub max_size: u64,
    /// How long artifacts live whose lifetime nobody knows (those of the old layout).
    pub ttl: Duration,
    /// What was found or made that lately is not evicted. 5 minutes by default.
    pub grace: Duration,
}

impl StoreOptions {
    /// The defaults of the settings: 16,384 entries, 5,000 MB, 7 days, 5 minutes.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, run_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            run_dir: run_dir.into(),
            max_entries: 16_384,
            max_size: 5_000 << 20,
            ttl: Duration::from_secs(7 * 86_400),
            grace: Duration::from_secs(300),
        }
    }
}

/// The artifacts of one cache directory. Shared by all threads of a process; a forked child may go
/// on using it.
#[derive(Debug)]
pub struct Store {
    pub(super) options: StoreOptions,
    pub(super) disk: Disk,
    pub(super) index: Index,
    pub(super) clock: Clock,
    pub(super) writable: bool,
    pub(super) hits: Counter,
    pub(super) misses: Counter,
}

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
    /// thread may call it; where [`Store::wants_preparation`], somebody calls [`Store::prepare`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn attach(mut options: StoreOptions, clock: Clock) -> Result<Self> {
        let doing = |dir: &Path| format!("opening the artifact cache {}", dir.display());
        let made = Disk::new(options.dir.clone()).make_root();
        made.context(|| doing(&options.dir))?;
        options.dir = options.dir.canonicalize().context(|| doing(&options.dir))?;
        let disk = Disk::new(options.dir.clone());
        let writable = disk.root().is_ok_and(|root| root.is_writable());
        let identity = disk.identity().context(|| doing(&options.dir))?;
        let index = Index::open(&options.run_dir, identity, options.max_entries)
            .context(|| format!("mapping the index of {}", options.dir.display()))?;
        if !writable {
            log::warn!(dir:% = options.dir.display(); "artifact cache not writable");
        }
        Ok(Self {
            options,
            disk,
            index,
            clock,
            writable,
            hits: Counter::default(),
            misses: Counter::default(),
        })
    }

    /// The artifact of that key, if the index knows one that has not expired. No lock, no system
    /// call, no allocation. Whether its file still stands is for whoever opens it to find out.
    #[inline]
    #[must_use]
    pub fn find(&self, key: Key) -> Option<Record> {
        self.look_up(key, |_| true)
    }

    /// As [`Store::find`], of that very configuration.
    #[inline]
    #[must_use]
    pub fn find_exact(&self, key: Key, digest: ConfigDigest) -> Option<Record> {
        self.look_up(key, |record| record.digest == digest)
    }

    #[inline]
    fn look_up(&self, key: Key, accept: impl FnOnce(&Record) -> bool) -> Option<Record> {
        let found = self.index.find(key, self.clock.now_ms(), accept);
        match found {
            Some(_) => self.hits.add(),
            None => self.misses.add(),
        }
        found
    }

    /// What the index holds for that key, expired or not; not counted, and no use of it.
    #[must_use]
    pub fn peek(&self, key: Key) -> Option<Record> {
        self.index.get(key)
    }

    /// Where the binary stands.
    #[must_use]
    pub fn path(&self, record: &Record) -> PathBuf {
        self.options.dir.join(record.relative_path())
    }

    /// Opens the binary to read it. `None`, with a line in the log: it is gone, or not of its size;
    /// then it is gone from the index too.
    ///
    /// # Errors
    /// The disk's.
    pub fn open_binary(&self, record: &Record) -> Result<Option<File>> {
        let doing = || format!("opening {}", self.path(record).display());
        let opened = self
            .disk
            .place(record.key)
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
        self.settle(record.key);
        Ok(None)
    }

    /// Hashes the binary again; `false`: it is gone, or its bytes are not those that were committed.
    ///
    /// # Errors
    /// The disk's.
    pub fn verify(&self, record: &Record) -> Result<bool> {
        use sha2::{Digest as _, Sha256};
        let Some(file) = self.open_binary(record)? else {
            return Ok(false);
        };
        let mut hasher = Sha256::new();
        super::copy::hash(&file, 0, record.size, &mut hasher)
            .context(|| format!("reading {}", self.path(record).display()))?;
        Ok(<[u8; 32]>::from(hasher.finalize()) == record.sha256)
    }

    /// The configuration it was built from, as it stands on disk.
    ///
    /// # Errors
    /// [`Error::State`]: there is no entry any longer, or one of another configuration.
    pub fn config(&self, record: &Record) -> Result<serde_json::Value> {
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
    pub fn entry(&self, key: Key) -> Result<Option<Entry>> {
        self.disk.entry(key).context(|| self.reading(key))
    }

    /// The disk's truth about a key, expired or not. Where the index says otherwise it learns.
    ///
    /// # Errors
    /// The disk's.
    pub fn read_disk(&self, key: Key) -> Result<Option<Record>> {
        let found = self.disk.record(key).context(|| self.reading(key))?;
        let known = self.index.get(key);
        // All but the last use, which only the index knows.
        let same = match (&found, &known) {
            (Some(found), Some(known)) => {
                *found
                    == Record {
                        accessed_ms: found.accessed_ms,
                        ..*known
                    }
            }
            (found, known) => found.is_none() && known.is_none(),
        };
        if same {
            return Ok(known);
        }
        self.settle(key);
        Ok(found)
    }

    fn reading(&self, key: Key) -> String {
        let name = disk::entry_name(key);
        format!("reading {name} in {}", self.options.dir.display())
    }

    /// Begins a binary. At most `max_size` bytes.
    ///
    /// # Errors
    /// [`Error::Io`]: the directory can't be written.
    pub fn stage(&self) -> Result<Staging> {
        let temp = self.disk.temp().context(|| {
            format!(
                "making a temporary file in {}",
                self.disk.temporary_path().display()
            )
        })?;
        Ok(Staging::new(temp, self.options.max_size))
    }

    /// Whether artifacts can be kept.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The canonical cache directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// The right to change the index. Whoever gets it first finishes what a dead writer began.
    /// `None`: not within [`PATIENCE`]; the index then knows that it has missed something.
    pub(super) fn writer(&self) -> Option<Writer<'_>> {
        let Some(writer) = self.index.writer(PATIENCE) else {
            self.index.want_rescan();
            return None;
        };
        let interrupted = writer.interrupted();
        if !interrupted.is_empty() {
            log::warn!(cache_keys:? = interrupted; "index repaired after a dead writer");
            writer.reindex();
            for key in interrupted {
                self.settle_with(&writer, key);
            }
            writer.repaired();
        }
        Some(writer)
    }

    /// Makes the index say of a key what the disk says.
    pub(super) fn settle(&self, key: Key) {
        if let Some(writer) = self.writer() {
            writer.noting(key, Note::Change, || self.settle_with(&writer, key));
        }
    }

    pub(super) fn settle_with(&self, writer: &Writer<'_>, key: Key) {
        match self.disk.record(key) {
            Ok(Some(record)) => {
                self.admit(writer, &record);
            }
            Ok(None) => {
                writer.remove(key);
            }
            Err(error) => {
                log::warn!(cache_key:% = key, error:%; "cache entry unreadable");
                self.index.want_rescan();
            }
        }
    }

    /// Stores a record in the index, and evicts where there is no place.
    pub(super) fn admit(&self, writer: &Writer<'_>, record: &Record) {
        // A victim near the record's home frees a place that it can take.
        for _ in 0..2 {
            if writer.store(record) == Stored::Done {
                return;
            }
            self.make_place(writer, record.key);
        }
        log::warn!(cache_key:% = record.key; "index full");
    }
}
