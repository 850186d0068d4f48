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

use super::ownership::Tenure;

const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1800);
/// What nobody asked for any more is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(7200);

#[derive(Debug, Clone, Copy)]
struct Try {
    at: Instant,
    pause: Duration,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct Orphans(Mutex<HashMap<PathBuf, Try>>);

impl Orphans {
    /// Whether there are outboxes in a directory whose owner is dead, and which it is time to try.
    #[must_use]
    pub fn are_in(&self, dir: &Path) -> bool {
        Tenure::names(dir)
            .iter()
            .any(|name| self.is_due(dir, name) && Tenure::is_orphan(dir, name))
    }

    /// Whether that outbox may be tried now.
    pub(super) fn is_due(&self, dir: &Path, name: &str) -> bool {
        let tries = self.tries();
        let refused = tries.get(&dir.join(name));
        refused.is_none_or(|refused| refused.at.elapsed() >= refused.pause)
    }

    /// It can't be had now. `true`: that is news.
    pub(super) fn refuse(&self, dir: &Path, name: &str) -> bool {
        let mut tries = self.tries();
        tries.retain(|_, refused| refused.at.elapsed() < FORGOTTEN);
        let (path, now) = (dir.join(name), Instant::now());
        let pause = tries
            .get(&path)
            .map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
        tries.insert(path, Try { at: now, pause }).is_none()
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<PathBuf, Try>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

    use crate::sentry::{
        outbox::{Adopted, Outbox, Room},
        protocol::category::Class,
    };

    #[test]
    fn what_cannot_be_had_is_told_of_once_and_left_alone_for_a_while() {
        let orphans = Orphans::default();
        let dir = Path::new("/nowhere");
        assert!(orphans.is_due(dir, "a"));
        assert!(orphans.refuse(dir, "a"));
        assert!(!orphans.is_due(dir, "a") && orphans.is_due(dir, "b"));
        assert!(!orphans.refuse(dir, "a"), "it is no news any more");
        assert_eq!(orphans.tries()[&dir.join("a")].pause, FIRST_PAUSE * 2);
        assert!((0..20).all(|_| !orphans.refuse(dir, "a")));
        assert_eq!(orphans.tries()[&dir.join("a")].pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_file_that_strangers_may_write_to_is_not_adopted_and_not_tried_every_second() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room {
            bytes: 1 << 20,
            records: 10,
        };
        let open = || Outbox::open(Some(dir.path()), room).0;
        let dead = open();
        dead.push(Class::High, b"dsn", b"{}\n{\"type\":\"session\"}\n{}", 1)
            .unwrap();
        drop(dead);
        let found = |ending: &str| {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut paths = entries.map(|entry| entry.unwrap().path());
            paths.find(|path| path.to_str().unwrap().ends_with(ending))
        };
        let planted = found(".box").unwrap();
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o666)).unwrap();
        let orphans = Arc::new(Orphans::default());
        let heir = open();
        assert!(orphans.are_in(dir.path()));
        assert_eq!(
            heir.adopt(dir.path(), &orphans, usize::MAX),
            Adopted::default()
        );
        assert!(!orphans.are_in(dir.path()), "it is left alone now");
        assert_eq!(
            heir.adopt(dir.path(), &orphans, usize::MAX),
            Adopted::default()
        );
        // Mended, and tried by somebody who has not been refused.
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o600)).unwrap();
        let adopted = heir.adopt(dir.path(), &Orphans::default(), usize::MAX);
        assert_eq!((adopted.outboxes, adopted.records), (1, 1));
        let claim = heir.claim(Class::High).unwrap();
        heir.settle(&claim);
        assert!(found(".box").is_none());
    }
}
