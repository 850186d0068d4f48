//! Outboxes that could not be adopted: a file of another user, a disk that returns errors. Each is logged once and
//! retried with a growing backoff, because another process may adopt it, or the cause may be removed, at any time.
//! Shared by the leader's periodic task, which checks for outboxes to adopt, and by the outbox that adopts. Threads
//! that may block.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::ownership::OutboxLock;

const MIN_BACKOFF: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(1800);
/// Failures that did not recur for this long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(7200);

/// The last failed adoption of an outbox.
#[derive(Debug, Clone, Copy)]
struct Failure {
    at: Instant,
    backoff: Duration,
}

/// Failed adoptions by the path of the outbox.
#[derive(Debug, Default)]
pub struct AdoptBackoff(Mutex<HashMap<PathBuf, Failure>>);

impl AdoptBackoff {
    /// Whether `dir` has an outbox of a dead process that is due for adoption.
    #[must_use]
    pub fn has_due(&self, dir: &Path) -> bool {
        OutboxLock::list_names(dir)
            .iter()
            .any(|name| self.is_due(dir, name) && OutboxLock::is_orphan(dir, name))
    }

    /// Whether the outbox may be adopted now.
    pub(super) fn is_due(&self, dir: &Path, name: &str) -> bool {
        let failures = self.failures();
        let failure = failures.get(&dir.join(name));
        failure.is_none_or(|failure| failure.at.elapsed() >= failure.backoff)
    }

    /// Records a failed adoption. Returns `true` for the first one.
    pub(super) fn record_failure(&self, dir: &Path, name: &str) -> bool {
        let mut failures = self.failures();
        failures.retain(|_, failure| failure.at.elapsed() < FORGET_AFTER);
        let (path, now) = (dir.join(name), Instant::now());
        let backoff = failures
            .get(&path)
            .map_or(MIN_BACKOFF, |before| (before.backoff * 2).min(MAX_BACKOFF));
        failures
            .insert(path, Failure { at: now, backoff })
            .is_none()
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<PathBuf, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

    use crate::sentry::{
        outbox::{Adopted, Capacity, Outbox},
        protocol::category::Priority,
    };

    #[test]
    fn failure_is_logged_once_and_backs_off() {
        let backoff = AdoptBackoff::default();
        let dir = Path::new("/nowhere");
        assert!(backoff.is_due(dir, "a"));
        assert!(backoff.record_failure(dir, "a"));
        assert!(!backoff.is_due(dir, "a") && backoff.is_due(dir, "b"));
        assert!(!backoff.record_failure(dir, "a"), "it is not the first");
        assert_eq!(backoff.failures()[&dir.join("a")].backoff, MIN_BACKOFF * 2);
        assert!((0..20).all(|_| !backoff.record_failure(dir, "a")));
        assert_eq!(backoff.failures()[&dir.join("a")].backoff, MAX_BACKOFF);
    }

    #[test]
    fn world_writable_file_is_not_adopted_and_backs_off() {
        let dir = tempfile::tempdir().unwrap();
        let capacity = Capacity {
            bytes: 1 << 20,
            records: 10,
        };
        let open = || Outbox::open(Some(dir.path()), capacity).0;
        let dead = open();
        dead.push(Priority::High, b"dsn", b"{}\n{\"type\":\"session\"}\n{}", 1)
            .unwrap();
        drop(dead);
        let found = |ending: &str| {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut paths = entries.map(|entry| entry.unwrap().path());
            paths.find(|path| path.to_str().unwrap().ends_with(ending))
        };
        let planted = found(".box").unwrap();
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o666)).unwrap();
        let backoff = Arc::new(AdoptBackoff::default());
        let adopter = open();
        assert!(backoff.has_due(dir.path()));
        assert_eq!(
            adopter.adopt(dir.path(), &backoff, usize::MAX),
            Adopted::default()
        );
        assert!(!backoff.has_due(dir.path()), "it backs off");
        assert_eq!(
            adopter.adopt(dir.path(), &backoff, usize::MAX),
            Adopted::default()
        );
        // Corrected, and adopted without a failure before.
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o600)).unwrap();
        let adopted = adopter.adopt(dir.path(), &AdoptBackoff::default(), usize::MAX);
        assert_eq!((adopted.outboxes, adopted.records), (1, 1));
        let claim = adopter.claim(Priority::High).unwrap();
        adopter.settle(&claim);
        assert!(found(".box").is_none());
    }
}
