//! Ownership of an outbox: the owning process holds an exclusive lock file until it exits. A process that can acquire
//! the lock may adopt the outbox. The lock file is removed with the last queue file. Any thread.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    failpoint::failpoint,
    host::lock::{Lock, LockMode},
};

/// Suffix of lock files.
const LOCK_SUFFIX: &str = ".v1.lock";
/// Suffix of queue files. Those of other versions are ignored.
const FILE_SUFFIX: &str = ".v1.box";
/// Types of file systems in memory, as in `linux/magic.h`.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
const RAMFS: rustix::fs::FsWord = 0x8584_58f6;
/// Attempts to find an unused name.
const MAX_NAME_ATTEMPTS: usize = 16;

/// The exclusive lock of an outbox, which owns its queue files.
#[derive(Debug)]
pub(super) struct OutboxLock {
    /// `None`: [`OutboxLock::unowned`].
    lock: Option<Lock>,
    name: String,
    dir: PathBuf,
    is_on_disk: bool,
    /// Adopted files that keep the lock file.
    files: AtomicUsize,
}

impl OutboxLock {
    /// Creates an outbox in `dir` with a name of its own.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        for _ in 0..MAX_NAME_ATTEMPTS {
            let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
            // The pid alone is not unique: containers may share this directory.
            let name = format!("{}-{random:08x}", std::process::id());
            if let Some(lock) = acquire(dir, &name)? {
                failpoint!("outbox.locked");
                return Ok(Self::new(lock, name, dir));
            }
        }
        Err(io::Error::other("found no unused name for an outbox"))
    }

    /// Acquires the lock of the outbox `name`. Returns `None` if another process holds it: the owner, or one that
    /// adopts it.
    pub(super) fn try_acquire(dir: &Path, name: &str) -> io::Result<Option<Self>> {
        Ok(acquire(dir, name)?.map(|lock| Self::new(lock, name.to_owned(), dir)))
    }

    /// Whether the owner is dead.
    pub(super) fn is_orphan(dir: &Path, name: &str) -> bool {
        Lock::is_held(&lock_path(dir, name)).is_ok_and(|held| !held)
    }

    /// Whether the owner is alive.
    pub(super) fn is_held(dir: &Path, name: &str) -> bool {
        Lock::is_held(&lock_path(dir, name)).is_ok_and(|held| held)
    }

    fn new(lock: Lock, name: String, dir: &Path) -> Self {
        Self {
            lock: Some(lock),
            name,
            dir: dir.to_owned(),
            is_on_disk: !is_in_memory(dir),
            files: AtomicUsize::new(0),
        }
    }

    /// The names of all outboxes in `dir`.
    pub(super) fn list_names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name();
                Some(name.to_str()?.strip_suffix(LOCK_SUFFIX)?.to_owned())
            })
            .collect()
    }

    /// All queue files in `dir`, with the names of their outboxes.
    pub(super) fn queue_files(dir: &Path) -> impl Iterator<Item = (String, fs::DirEntry)> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let name = entry.file_name();
            let owner = name
                .to_str()?
                .strip_suffix(FILE_SUFFIX)?
                .split('.')
                .next()?;
            Some((owner.to_owned(), entry))
        })
    }

    /// The path of a queue file.
    pub(super) fn file_path(&self, number: u64) -> PathBuf {
        self.dir
            .join(format!("{}.{number}{FILE_SUFFIX}", self.name))
    }

    /// The queue files of this outbox, the oldest first.
    pub(super) fn list_files(&self) -> Vec<PathBuf> {
        let prefix = format!("{}.", self.name);
        let mut found: Vec<(u64, PathBuf)> = Self::queue_files(&self.dir)
            .filter_map(|(_, entry)| {
                let name = entry.file_name();
                let number = name
                    .to_str()?
                    .strip_prefix(&prefix)?
                    .strip_suffix(FILE_SUFFIX)?;
                Some((number.parse().ok()?, entry.path()))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, path)| path).collect()
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether pages of its files may reach a disk.
    pub(super) fn is_on_disk(&self) -> bool {
        self.is_on_disk
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Counts a file that keeps the lock file.
    pub(super) fn retain_file(&self) {
        self.files.fetch_add(1, Ordering::AcqRel);
    }

    /// Releases a file. With the last one the lock file is removed.
    pub(super) fn release_file(&self) {
        if self.files.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.remove();
        }
    }

    /// Removes the lock file.
    pub(super) fn remove(&self) {
        if let Some(lock) = &self.lock
            && lock.is_current()
        {
            let _ = fs::remove_file(lock.path());
        }
    }

    /// No lock, for reading a file without owning it.
    pub(super) fn unowned() -> Self {
        Self {
            lock: None,
            name: String::new(),
            dir: PathBuf::new(),
            is_on_disk: true,
            files: AtomicUsize::new(0),
        }
    }
}

/// Whether the file system of `dir` has no disk below it.
fn is_in_memory(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|found| matches!(found.f_type, TMPFS | RAMFS))
}

fn lock_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{LOCK_SUFFIX}"))
}

fn acquire(dir: &Path, name: &str) -> io::Result<Option<Lock>> {
    Lock::attempt(&lock_path(dir, name), LockMode::Exclusive)
}
