//! How many builds run on the host at once: whoever holds one of the first N lock files may build. N
//! is asked anew at each try, because it is the smallest that a living process of the host wants.
//! There is no queue: who waits looks again after a pause.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::retry::Jitter;
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::{FailPoint, reach},
    host::{
        files,
        lock::{Kind, Lock},
    },
};

/// Slots that are never exceeded, so that the directory has a bound.
const MOST: usize = 1024;

/// Whether the host's limit may be one that was looked up a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recency {
    /// It may: asked often.
    Recent,
    /// It must be looked up now: a slot was taken by it.
    Now,
}

/// The host's limit on builds.
pub type Limit = Arc<dyn Fn(Recency) -> usize + Send + Sync>;

/// The lock files.
#[derive(Clone)]
pub(in crate::velox) struct Slots {
    dir: PathBuf,
    limit: Limit,
}

impl Slots {
    /// The directory is made when it is needed.
    pub(in crate::velox) fn new(dir: PathBuf, limit: Limit) -> Self {
        Self { dir, limit }
    }

    /// Waits for a slot. Cancel-safe: a dropped call leaves nothing held.
    pub(in crate::velox) async fn take(&self, jitter: &mut Jitter) -> Result<Lock> {
        loop {
            let slots = self.clone();
            let held = tokio::task::spawn_blocking(move || attempt(&slots.dir, &*slots.limit));
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
}

fn attempt(dir: &Path, limit: &dyn Fn(Recency) -> usize) -> Result<Option<Lock>> {
    for number in 0..limit(Recency::Recent).clamp(1, MOST) {
        let path = dir.join(format!("{number:03}.lock"));
        let lock = match Lock::attempt(&path, Kind::Exclusive) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::make_dir_in_ours(dir).and_then(|()| Lock::attempt(&path, Kind::Exclusive))
            }
            lock => lock,
        };
        let lock = lock.context(|| format!("locking {}", path.display()))?;
        if lock.is_some() {
            reach(FailPoint::SlotTaken);
            // A process with a smaller limit may have come since that was looked up.
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
    fn as_many_as_the_limit_build_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let held: Vec<Lock> = (0..3)
            .map(|_| attempt(dir.path(), &|_| 3).unwrap().unwrap())
            .collect();
        assert!(attempt(dir.path(), &|_| 3).unwrap().is_none());
        assert!(attempt(dir.path(), &|_| 4).unwrap().is_some());
        drop(held);
        assert!(attempt(dir.path(), &|_| 0).unwrap().is_some());
    }

    #[test]
    fn slot_beyond_a_limit_that_has_just_sunk_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let sunk = |recency| if recency == Recency::Now { 1 } else { 5 };
        let first = attempt(dir.path(), &sunk).unwrap();
        assert!(first.is_some());
        assert!(attempt(dir.path(), &sunk).unwrap().is_none());
        drop(first);
        let free = (0..3).map(|_| attempt(dir.path(), &|_| 3).unwrap());
        assert_eq!(free.collect::<Vec<_>>().iter().flatten().count(), 3);
    }

    #[tokio::test]
    async fn a_limit_that_rises_lets_the_next_one_in() {
        let dir = tempfile::tempdir().unwrap();
        let limit = Arc::new(AtomicUsize::new(1));
        let asked = Arc::clone(&limit);
        let slots = Slots::new(
            dir.path().join("slots"),
            Arc::new(move |_| asked.load(Ordering::Relaxed)),
        );
        let mut jitter = Jitter::seeded(1);
        let _first = slots.take(&mut jitter).await.unwrap();
        let short = Duration::from_millis(300);
        assert!(
            tokio::time::timeout(short, slots.take(&mut jitter))
                .await
                .is_err()
        );
        limit.store(2, Ordering::Relaxed);
        let long = Duration::from_secs(5);
        assert!(
            tokio::time::timeout(long, slots.take(&mut jitter))
                .await
                .is_ok()
        );
    }
}
