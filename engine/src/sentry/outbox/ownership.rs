//! Whose an outbox is: the lock file that its process holds for life. Whoever can take that lock knows
//! that the owner is dead, and has the outbox. Gone with the outbox' last file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    failpoint::{FailPoint, reach},
    host::lock::{Lock, LockMode},
};

/// How the name of a lock file ends.
const LOCK_SUFFIX: &str = ".v1.lock";

/// A held outbox.
#[derive(Debug)]
pub(super) struct OutboxLock {
    lock: Option<Lock>,
    name: String,
    dir: PathBuf,
    files: AtomicUsize,
}

impl OutboxLock {
    /// A new outbox in `dir`, named after this process.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        for _ in 0..16 {
            let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
            // A pid is unique in its namespace only, and containers may share this directory.
            let name = format!("{}-{random:08x}", std::process::id());
            if let Some(lock) = acquire(dir, &name)? {
                reach(FailPoint::OutboxLocked);
                return Ok(Self::new(lock, name, dir));
            }
        }
        Err(io::Error::other("no name for an outbox could be had"))
    }

    /// Takes the outbox of that name over. `None`: its owner lives, or somebody was first.
    pub(super) fn try_acquire(dir: &Path, name: &str) -> io::Result<Option<Self>> {
        Ok(acquire(dir, name)?.map(|lock| Self::new(lock, name.to_owned(), dir)))
    }

    /// Whether its owner is dead.
    pub(super) fn is_orphan(dir: &Path, name: &str) -> bool {
        Lock::is_held(&dir.join(format!("{name}{LOCK_SUFFIX}"))).is_ok_and(|held| !held)
    }

    /// Whether it has a living owner.
    pub(super) fn is_held(dir: &Path, name: &str) -> bool {
        Lock::is_held(&dir.join(format!("{name}{LOCK_SUFFIX}"))).is_ok_and(|held| held)
    }

    fn new(lock: Lock, name: String, dir: &Path) -> Self {
        Self {
            lock: Some(lock),
            name,
            dir: dir.to_owned(),
            files: AtomicUsize::new(0),
        }
    }

    /// The names of all outboxes in `dir`, living or dead.
    pub(super) fn list_names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                Some(
                    entry
                        .file_name()
                        .to_str()?
                        .strip_suffix(LOCK_SUFFIX)?
                        .to_owned(),
                )
            })
            .collect()
    }

    /// The path of one of its files.
    pub(super) fn file_path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{}.{number}.v1.box", self.name))
    }

    /// Its files, in the order in which they were made. Those of other versions are not seen.
    pub(super) fn list_files(&self) -> Vec<PathBuf> {
        let prefix = format!("{}.", self.name);
        let mut found: Vec<(u64, PathBuf)> = fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let number = name
                    .to_str()?
                    .strip_prefix(&prefix)?
                    .strip_suffix(".v1.box")?;
                Some((number.parse().ok()?, entry.path()))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, path)| path).collect()
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One file more that keeps it alive.
    pub(super) fn retain_file(&self) {
        self.files.fetch_add(1, Ordering::AcqRel);
    }

    /// One file less; with the last one of a dead owner the lock file goes.
    pub(super) fn release_file(&self) {
        if self.files.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.remove();
        }
    }

    /// Takes the lock file away.
    pub(super) fn remove(&self) {
        if let Some(lock) = &self.lock
            && lock.is_current()
        {
            let _ = fs::remove_file(lock.path());
        }
    }

    /// For looking at a file without owning it.
    pub(super) fn unowned() -> Self {
        Self {
            lock: None,
            name: String::new(),
            dir: PathBuf::new(),
            files: AtomicUsize::new(0),
        }
    }
}

fn acquire(dir: &Path, name: &str) -> io::Result<Option<Lock>> {
    Lock::attempt(
        &dir.join(format!("{name}{LOCK_SUFFIX}")),
        LockMode::Exclusive,
    )
}
