//! A semaphore of the host's processes that limits concurrent builds: a process that holds one of the first N lock
//! files may build. N is read at each attempt, because it is the smallest limit of all running processes. There is no
//! queue: a waiting build tries again after a pause.

use std::{io, path::Path, sync::Arc, time::Duration};

use crate::backoff::Jitter;
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::failpoint,
    host::{
        files,
        lock::{Lock, LockMode},
    },
};

/// The limit of slots, which bounds the directory.
const MAX_SLOTS: usize = 1024;

/// The accepted age of the host's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recency {
    /// May be cached for a moment: read often.
    Recent,
    /// Must be read now: a slot is granted by it.
    Now,
}

/// Returns the host's limit of concurrent builds.
pub type BuildLimit = Arc<dyn Fn(Recency) -> usize + Send + Sync>;

/// Waits for a slot. `dir` is created when it is needed. Cancel-safe: a dropped call releases everything.
pub(super) async fn acquire(dir: &Path, limit: &BuildLimit, jitter: &mut Jitter) -> Result<Lock> {
    loop {
        let (dir, limit) = (dir.to_owned(), Arc::clone(limit));
        let held = tokio::task::spawn_blocking(move || try_acquire(&dir, &*limit));
        let held = held
            .await
            .map_err(|_| Error::State("the process is shutting down".into()))?;
        if let Some(lock) = held? {
            return Ok(lock);
        }
        let pause = jitter.between(Duration::from_millis(100), Duration::from_millis(250));
        tokio::time::sleep(pause).await;
    }
}

fn try_acquire(dir: &Path, limit: &dyn Fn(Recency) -> usize) -> Result<Option<Lock>> {
    for number in 0..limit(Recency::Recent).clamp(1, MAX_SLOTS) {
        let path = dir.join(format!("{number:03}.lock"));
        let lock = match Lock::attempt(&path, LockMode::Exclusive) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_dir_with_parent(dir)
                    .and_then(|()| Lock::attempt(&path, LockMode::Exclusive))
            }
            lock => lock,
        };
        let lock = lock.context(|| format!("locking {}", path.display()))?;
        if lock.is_some() {
            failpoint!("slot.taken");
            // A process with a smaller limit may have started since the limit was read.
            let allowed = number == 0 || number < limit(Recency::Now);
            return Ok(lock.filter(|_| allowed));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn limit_bounds_concurrent_builds() {
        let dir = tempfile::tempdir().unwrap();
        let held: Vec<Lock> = (0..3)
            .map(|_| try_acquire(dir.path(), &|_| 3).unwrap().unwrap())
            .collect();
        assert!(try_acquire(dir.path(), &|_| 3).unwrap().is_none());
        assert!(try_acquire(dir.path(), &|_| 4).unwrap().is_some());
        drop(held);
        assert!(try_acquire(dir.path(), &|_| 0).unwrap().is_some());
    }

    #[test]
    fn slot_beyond_a_lowered_limit_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let lowered = |recency| if recency == Recency::Now { 1 } else { 5 };
        let first = try_acquire(dir.path(), &lowered).unwrap();
        assert!(first.is_some());
        assert!(try_acquire(dir.path(), &lowered).unwrap().is_none());
        drop(first);
        let free = (0..3).map(|_| try_acquire(dir.path(), &|_| 3).unwrap());
        assert_eq!(free.collect::<Vec<_>>().iter().flatten().count(), 3);
    }

    #[tokio::test]
    async fn raised_limit_admits_the_next_build() {
        let dir = tempfile::tempdir().unwrap();
        let limit = Arc::new(AtomicUsize::new(1));
        let current = Arc::clone(&limit);
        let limits: BuildLimit = Arc::new(move |_| current.load(Ordering::Relaxed));
        let slots = dir.path().join("slots");
        let mut jitter = Jitter::seeded(1);
        let _first = acquire(&slots, &limits, &mut jitter).await.unwrap();
        let short = Duration::from_millis(300);
        assert!(
            tokio::time::timeout(short, acquire(&slots, &limits, &mut jitter))
                .await
                .is_err()
        );
        limit.store(2, Ordering::Relaxed);
        let long = Duration::from_secs(5);
        assert!(
            tokio::time::timeout(long, acquire(&slots, &limits, &mut jitter))
                .await
                .is_ok()
        );
    }
}
