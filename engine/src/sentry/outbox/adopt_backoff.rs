//! Dead outboxes that this process can't have: a file of another user, a disk that gives errors. Each is
//! told of once and tried again ever more rarely, because somebody who may take it can come at any
//! time, or somebody may mend it. Shared by the steward's duty, which asks whether there is anything
//! to adopt, and by the outbox that adopts. Threads that may block.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::ownership::OutboxLock;

const MIN_BACKOFF: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(1800);
/// What nobody asked for any more is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(7200);

#[derive(Debug, Clone, Copy)]
struct Failure {
    at: Instant,
    backoff: Duration,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct AdoptBackoff(Mutex<HashMap<PathBuf, Failure>>);

impl AdoptBackoff {
    /// Whether there are outboxes in a directory whose owner is dead, and which it is time to try.
    #[must_use]
    pub fn has_due(&self, dir: &Path) -> bool {
        OutboxLock::list_names(dir)
            .iter()
            .any(|name| self.is_due(dir, name) && OutboxLock::is_orphan(dir, name))
    }

    /// Whether that outbox may be tried now.
    pub(super) fn is_due(&self, dir: &Path, name: &str) -> bool {
        let failures = self.failures();
        let refused = failures.get(&dir.join(name));
        refused.is_none_or(|refused| refused.at.elapsed() >= refused.backoff)
    }

    /// It can't be had now. `true`: that is news.
    pub(super) fn record_failure(&self, dir: &Path, name: &str) -> bool {
        let mut failures = self.failures();
        failures.retain(|_, refused| refused.at.elapsed() < FORGET_AFTER);
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
    fn what_cannot_be_had_is_told_of_once_and_left_alone_for_a_while() {
        let adopt_backoff = AdoptBackoff::default();
        let dir = Path::new("/nowhere");
        assert!(adopt_backoff.is_due(dir, "a"));
        assert!(adopt_backoff.record_failure(dir, "a"));
        assert!(!adopt_backoff.is_due(dir, "a") && adopt_backoff.is_due(dir, "b"));
        assert!(
            !adopt_backoff.record_failure(dir, "a"),
            "it is no news any more"
        );
        assert_eq!(
            adopt_backoff.failures()[&dir.join("a")].backoff,
            MIN_BACKOFF * 2
        );
        assert!((0..20).all(|_| !adopt_backoff.record_failure(dir, "a")));
        assert_eq!(
            adopt_backoff.failures()[&dir.join("a")].backoff,
            MAX_BACKOFF
        );
    }

    #[test]
    fn a_file_that_strangers_may_write_to_is_not_adopted_and_not_tried_every_second() {
        let dir = tempfile::tempdir().unwrap();
        let room = Capacity {
            bytes: 1 << 20,
            records: 10,
        };
        let open = || Outbox::open(Some(dir.path()), room).0;
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
        let adopt_backoff = Arc::new(AdoptBackoff::default());
        let heir = open();
        assert!(adopt_backoff.has_due(dir.path()));
        assert_eq!(
            heir.adopt(dir.path(), &adopt_backoff, usize::MAX),
            Adopted::default()
        );
        assert!(!adopt_backoff.has_due(dir.path()), "it is left alone now");
        assert_eq!(
            heir.adopt(dir.path(), &adopt_backoff, usize::MAX),
            Adopted::default()
        );
        // Mended, and tried by somebody who has not been refused.
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o600)).unwrap();
        let adopted = heir.adopt(dir.path(), &AdoptBackoff::default(), usize::MAX);
        assert_eq!((adopted.outboxes, adopted.records), (1, 1));
        let claim = heir.claim(Priority::High).unwrap();
        heir.settle(&claim);
        assert!(found(".box").is_none());
    }
}
