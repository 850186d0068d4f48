//! Who may change the index: the holder of a file lock beside the segment, which the kernel frees
//! when its holder dies; for an index of this process alone, the holder of a mutex. Both are only
//! ever tried, with a deadline. Threads that may wait.

use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult,
    },
    thread,
    time::{Duration, Instant},
};

use crate::host::lock::{Kind, Lock};

/// What keeps other writers out.
#[derive(Debug)]
pub(super) enum Gate {
    /// All processes of the host. The second lock is held for reading by the writers of this process: the
    /// mapping is not replaced under them.
    File(PathBuf, RwLock<()>),
    /// The threads of this process.
    Private(Mutex<()>),
}

/// An open gate closes behind its holder.
pub(super) enum Held<'a> {
    File {
        _lock: Lock,
        _stays: RwLockReadGuard<'a, ()>,
    },
    Private {
        _guard: MutexGuard<'a, ()>,
    },
}

impl Gate {
    /// `None`: not within the deadline, or the lock file can't be had.
    pub(super) fn enter(&self, deadline: Duration) -> Option<Held<'_>> {
        match self {
            Self::File(path, stays) => match Lock::within(path, Kind::Exclusive, deadline) {
                Ok(None) => None,
                Ok(Some(lock)) => within(|| stays.try_read(), deadline).map(|stays| Held::File {
                    _lock: lock,
                    _stays: stays,
                }),
                Err(error) => {
                    log::warn!(path:% = path.display(), error:%; "index lock unavailable");
                    None
                }
            },
            Self::Private(mutex) => {
                within(|| mutex.try_lock(), deadline).map(|guard| Held::Private { _guard: guard })
            }
        }
    }

    /// The right to replace the mapping. `None`: a thread of this process writes, or the mapping is of no
    /// file.
    pub(super) fn alone(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        match self {
            Self::File(_, stays) => stays.try_write().ok(),
            Self::Private(_) => None,
        }
    }
}

/// Never blocks for good: after a fork the lock may be held by a thread that isn't there.
fn within<G>(attempt: impl Fn() -> TryLockResult<G>, deadline: Duration) -> Option<G> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(guard) => return Some(guard),
            // The index repairs itself from its journal, whoever left it.
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= deadline => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_waits_no_longer_than_its_deadline() {
        let dir = tempfile::tempdir().unwrap();
        for gate in [
            Gate::File(dir.path().join("index.lock"), RwLock::default()),
            Gate::Private(Mutex::new(())),
        ] {
            let first = gate.enter(Duration::ZERO).unwrap();
            let start = Instant::now();
            assert!(gate.enter(Duration::from_millis(30)).is_none());
            assert!(start.elapsed() >= Duration::from_millis(30));
            drop(first);
            assert!(gate.enter(Duration::ZERO).is_some());
        }
    }
}
