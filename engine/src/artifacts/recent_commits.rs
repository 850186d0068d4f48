//! The artifacts that this process committed last, which a full disk does not take from it. Threads that may wait.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{IndexRecord, Key};

/// Maximum artifacts that are remembered.
const MAX_RECENT: usize = 64;

/// Keys with the times of their commits, the oldest first.
#[derive(Debug, Default)]
pub(super) struct RecentCommits(Mutex<VecDeque<(Key, u64)>>);

impl RecentCommits {
    /// Remembers a commit.
    pub(super) fn remember(&self, record: &IndexRecord) {
        let mut commits = self.commits();
        if commits.len() >= MAX_RECENT {
            commits.pop_front();
        }
        commits.push_back((record.key, record.created_ms));
    }

    /// The keys that were committed within `grace`; older ones are forgotten.
    pub(super) fn keys(&self, now_ms: u64, grace: Duration) -> Vec<Key> {
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let mut commits = self.commits();
        commits.retain(|(_, created_ms)| created_ms.abs_diff(now_ms) < grace);
        commits.iter().map(|(key, _)| *key).collect()
    }

    fn commits(&self) -> MutexGuard<'_, VecDeque<(Key, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
