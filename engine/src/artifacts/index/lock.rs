//! Exclusion of writers: by a file lock beside the segment, which the kernel releases when its holder dies; for an
//! index of this process alone, by a mutex. Both are only tried, until a timeout, because a blocking wait can't be
//! cancelled. Threads that may wait.

use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult,
    },
    thread,
    time::{Duration, Instant},
};

use crate::host::lock::{Lock, LockMode};

/// How long a change waits for the writers before it.
pub(in crate::artifacts) const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Excludes other writers.
#[derive(Debug)]
pub(super) enum WriterLock {
    /// Of all processes of the host. The second lock is held for reading by the writers of this process, so that the
    /// mapping is not replaced under them.
    File(PathBuf, RwLock<()>),
    /// Of the threads of this process.
    Private(Mutex<()>),
}

/// A held [`WriterLock`]; released when it is dropped.
pub(super) enum WriterGuard<'a> {
    File {
        _lock: Lock,
        _mapping: RwLockReadGuard<'a, ()>,
    },
    Private {
        _guard: MutexGuard<'a, ()>,
    },
}

impl WriterLock {
    /// Acquires the lock. Returns `None` after the timeout, or if the lock file can't be opened.
    pub(super) fn acquire(&self, timeout: Duration) -> Option<WriterGuard<'_>> {
        match self {
            Self::File(path, mapping) => match Lock::within(path, LockMode::Exclusive, timeout) {
                Ok(None) => None,
                Ok(Some(lock)) => {
                    let mapping = try_until(|| mapping.try_read(), timeout)?;
                    Some(WriterGuard::File {
                        _lock: lock,
                        _mapping: mapping,
                    })
                }
                Err(error) => {
                    log::warn!(path:% = path.display(), error:%; "index lock unavailable");
                    None
                }
            },
            Self::Private(mutex) => try_until(|| mutex.try_lock(), timeout)
                .map(|guard| WriterGuard::Private { _guard: guard }),
        }
    }

    /// The right to replace the mapping. Returns `None` while a thread of this process writes, or if no file is mapped.
    pub(super) fn try_exclude_writers(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        match self {
            Self::File(_, mapping) => mapping.try_write().ok(),
            Self::Private(_) => None,
        }
    }
}

/// Never blocks for good: after a fork, the lock may be held by a thread that does not exist in the child.
fn try_until<G>(attempt: impl Fn() -> TryLockResult<G>, timeout: Duration) -> Option<G> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(guard) => return Some(guard),
            // The index repairs itself from the keys in its header after any interruption.
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= timeout => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_writer_waits_no_longer_than_its_timeout() {
        let dir = tempfile::tempdir().unwrap();
        for lock in [
            WriterLock::File(dir.path().join("index.lock"), RwLock::default()),
            WriterLock::Private(Mutex::new(())),
        ] {
            let first = lock.acquire(Duration::ZERO).unwrap();
            let start = Instant::now();
            assert!(lock.acquire(Duration::from_millis(30)).is_none());
            assert!(start.elapsed() >= Duration::from_millis(30));
            drop(first);
            assert!(lock.acquire(Duration::ZERO).is_some());
        }
    }
}
