//! Eviction on a full disk: a cache may be on a disk that is smaller than its own limit, or that other programs fill.
//! Evicts the least recently used artifacts until the new one fits and a margin is free. Threads that may wait.

use std::{io, time::Duration};

use super::evict::smallest;
use crate::Error;
use crate::artifacts::{CleanReport, IndexRecord, Store};

/// Bytes to keep free beyond the request: for metadata files, directories, and other programs.
const MARGIN: u64 = 1 << 20;
/// Records chosen at once.
const MAX_CHOSEN: usize = 256;

/// Which artifacts may be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictScope {
    /// Those not used within the grace period.
    Unused,
    /// If that is not enough, also those that other processes used last, in that order. Artifacts that this process
    /// created within the grace period stay: its caller may be about to open them.
    Any,
}

/// Whether an operation failed because the disk, or this user's quota, is full.
#[must_use]
pub fn is_full(error: &Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let Error::Io { source, .. } = error else {
        return false;
    };
    matches!(source.kind(), StorageFull | QuotaExceeded)
}

impl Store {
    /// Evicts until `need` bytes and a margin are free. Returns `false` if nothing could be evicted.
    #[must_use]
    pub fn make_space(&self, need: u64, scope: EvictScope) -> bool {
        let wanted = need.saturating_add(MARGIN);
        // A quota does not show in the free space: then only the freed bytes count.
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

    /// Evicts artifacts that were not used within `grace`, and returns their bytes.
    fn evict_for(&self, wanted: u64, shows: bool, before: u64, grace: Duration) -> u64 {
        let now_ms = self.clock.now_ms();
        let mut freed = 0;
        loop {
            let fresh = self.recent_commits.keys(now_ms, self.options.grace);
            let candidates = self
                .index
                .records()
                .filter(|record| !record.is_recent(now_ms, grace) && !fresh.contains(&record.key));
            let chosen = smallest(candidates, MAX_CHOSEN, |record| {
                (!record.is_expired(now_ms), record.accessed_ms, record.key)
            });
            let (freed_before, last) = (freed, chosen.len() < MAX_CHOSEN);
            for record in chosen {
                // More than twice as much is pointless: other programs fill the disk, or have the files open.
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
}
