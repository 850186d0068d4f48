//! Who may change the index: the holder of a file lock beside the segment, which the kernel frees
//! when its holder dies; for an index of this process alone, the holder of a mutex. Both are only
//! ever tried, with a deadline. Threads that may wait.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, TryLockError},
    thread,
    time::{Duration, Instant},
};

use crate::host::lock::{Kind, Lock};

/// What keeps other writers out.
#[derive(Debug)]
pub(super) enum Gate {
    /// All processes of the host.
    File(PathBuf),
    /// The threads of this process.
    Private(Mutex<()>),
}

/// An open gate closes behind its holder.
pub(super) enum Held<'a> {
    File { _lock: Lock },
    Private { _guard: MutexGuard<'a, ()> },
}

impl Gate {
    /// `None`: not within the deadline, or the lock file can't be had.
    pub(super) fn enter(&self, deadline: Duration) -> Option<Held<'_>> {
        match self {
            Self::File(path) => match Lock::within(path, Kind::Exclusive, deadline) {
                Ok(lock) => lock.map(|lock| Held::File { _lock: lock }),
                Err(error) => {
                    log::warn!(path:% = path.display(), error:%; "index lock unavailable");
                    None
                }
            },
            Self::Private(mutex) => {
                within(mutex, deadline).map(|guard| Held::Private { _guard: guard })
            }
        }
    }
}

/// Never blocks for good: after a fork the mutex may be held by a thread that isn't there.
fn within(mutex: &Mutex<()>, deadline: Duration) -> Option<MutexGuard<'_, ()>> {
    let start = Instant::now();
    loop {
        match mutex.try_lock() {
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
            Gate::File(dir.path().join("index.lock")),
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
