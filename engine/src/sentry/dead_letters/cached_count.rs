//! The number of dead letters without listing their directory each time, because a status page may be requested often.
//! Any thread.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::host::clock;

/// Minimum interval between two listings, however often the directory changes.
const LIST_INTERVAL: Duration = Duration::from_millis(10);
/// An upper bound for the resolution of file times.
const FILE_TIME_RESOLUTION: Duration = Duration::from_millis(100);

/// The number of dead letters, cached until the directory changes.
#[derive(Debug, Default)]
pub(in crate::sentry) struct CachedFileCount(Mutex<Option<(Instant, SystemTime, usize)>>);

impl CachedFileCount {
    /// Returns the number of files in `dir`, calling `list` if it may have changed.
    pub(in crate::sentry) fn count(&self, dir: &Path, list: impl FnOnce() -> usize) -> usize {
        let Ok(changed) = dir.metadata().and_then(|found| found.modified()) else {
            return 0;
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // File times have a resolution: a second change within one tick is invisible, so a directory that was listed
        // right after a change is listed once more.
        let valid = last.filter(|(at, seen, _)| {
            let is_settled = clock::abs_diff(SystemTime::now(), changed) > FILE_TIME_RESOLUTION;
            at.elapsed() < LIST_INTERVAL || (*seen == changed && is_settled)
        });
        if let Some((_, _, count)) = valid {
            return count;
        }
        let count = list();
        *last = Some((Instant::now(), changed, count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_directory_is_not_listed_again() {
        let dir = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - Duration::from_secs(5);
        let set_modified = |at| {
            std::fs::File::open(dir.path())
                .unwrap()
                .set_modified(at)
                .unwrap()
        };
        set_modified(old);
        let cached = CachedFileCount::default();
        assert_eq!(cached.count(dir.path(), || 3), 3);
        std::thread::sleep(LIST_INTERVAL);
        assert_eq!(cached.count(dir.path(), || unreachable!()), 3);
        set_modified(old + Duration::from_secs(1));
        assert_eq!(cached.count(dir.path(), || 4), 4);
        assert_eq!(cached.count(&dir.path().join("none"), || 5), 0);
    }
}
