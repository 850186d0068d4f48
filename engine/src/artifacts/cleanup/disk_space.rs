//! Room on a full disk: a cache may lie on a disk that is smaller than its own bound, or that others fill.
//! The least recently used artifacts go until the new one fits and a margin stays free. Threads that
//! may wait.

use std::{collections::VecDeque, io, sync::PoisonError, time::Duration};

use super::evict::smallest;
use crate::Error;
use crate::artifacts::{CleanReport, IndexRecord, Key, Store};

/// Free bytes beyond what was asked for: entries, directories, and what others write meanwhile.
const MARGIN: u64 = 1 << 20;
/// Chosen at once, as in a cleaning.
const MAX_CHOSEN: usize = 256;
/// Artifacts of this process that are kept in mind.
const MAX_RECENT: usize = 64;

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictScope {
    /// What was not used within the grace.
    Unused,
    /// Target that is not enough, also what other processes used last, in that order. What this process
    /// made within the grace stays: its caller may be about to open it.
    Any,
}

/// Whether an operation failed because the disk, or the share of it that this user has, is full.
#[must_use]
pub fn is_full(error: &Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let Error::Io { source, .. } = error else {
        return false;
    };
    matches!(source.kind(), StorageFull | QuotaExceeded)
}

impl Store {
    /// Evicts until `need` bytes and a margin are free. `false`: nothing could go.
    #[must_use]
    pub fn make_space(&self, need: u64, scope: EvictScope) -> bool {
        let wanted = need.saturating_add(MARGIN);
        // A quota does not show in the free space: then the freed bytes are counted alone.
        let shows = self.free_space().is_some_and(|free| free < wanted);
        let mut freed = 0;
        let _ = self.remove_stale_temps(&mut CleanReport::default());
        let graces: &[Duration] = match scope {
            EvictScope::Unused => &[self.options.grace],
            EvictScope::Any => &[self.options.grace, Duration::ZERO],
        };
        for grace in graces {
            freed += self.evict_for(wanted, shows, freed, *grace);
        }
        let enough = shows && self.free_space().is_some_and(|free| free >= wanted);
        log::info!(dir:% = self.dir().display(), needed = need, freed; "artifacts evicted from a full disk");
        freed > 0 || enough
    }

    /// Evicts what was not used within `grace`, and returns its bytes.
    fn evict_for(&self, wanted: u64, shows: bool, before: u64, grace: Duration) -> u64 {
        let now_ms = self.clock.now_ms();
        let mut freed = 0;
        loop {
            let fresh = self.recent_keys(now_ms);
            let candidates = self
                .index
                .records()
                .filter(|record| !record.is_recent(now_ms, grace) && !fresh.contains(&record.key));
            let chosen = smallest(candidates, MAX_CHOSEN, |record| {
                (!record.is_expired(now_ms), record.accessed_ms, record.key)
            });
            let (freed_before, last) = (freed, chosen.len() < MAX_CHOSEN);
            for record in chosen {
                // More than twice as much is in vain: others fill the disk, or hold the files open.
                let freed_all = before + freed;
                let enough = match self.free_space().filter(|_| shows) {
                    Some(free) => free >= wanted || freed_all >= wanted.saturating_mul(2),
                    None => freed_all >= wanted,
                };
                if enough {
                    return freed;
                }
                freed += self.evict_one(&record, now_ms, grace);
            }
            if last || freed == freed_before {
                return freed;
            }
        }
    }

    fn evict_one(&self, record: &IndexRecord, now_ms: u64, grace: Duration) -> u64 {
        let writer = self.writer();
        match writer {
            Some(writer) if self.evict_unused(&writer, record, now_ms, grace) => record.size,
            _ => 0,
        }
    }

    fn free_space(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.dir()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Keeps in mind what this process has made.
    pub(in crate::artifacts) fn remember_commit(&self, record: &IndexRecord) {
        let mut fresh = self
            .recent_commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if fresh.len() >= MAX_RECENT {
            fresh.pop_front();
        }
        fresh.push_back((record.key, record.created_ms));
    }

    fn recent_keys(&self, now_ms: u64) -> Vec<Key> {
        let grace = u64::try_from(self.options.grace.as_millis()).unwrap_or(u64::MAX);
        let mut fresh = self
            .recent_commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|(_, made_ms)| made_ms.abs_diff(now_ms) < grace);
        fresh.iter().map(|(key, _)| *key).collect()
    }
}

/// Keys with the time at which they were made.
pub(in crate::artifacts) type RecentCommits = std::sync::Mutex<VecDeque<(Key, u64)>>;
