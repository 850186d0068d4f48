//! Whether the outboxes of dead processes have to be listed: mostly the counts in shared memory show that they have
//! not. A count may be lost with its process, so that they are listed at intervals too. Threads that may block.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::waiting_counts::HostCounts;

/// Interval at which outboxes are listed whatever the counts are.
const LIST_INTERVAL: Duration = Duration::from_secs(60);

/// The counts by `run_dir`, and the time of the last list.
#[derive(Debug, Default)]
pub struct AdoptCheck(Mutex<Checked>);

#[derive(Debug, Default)]
struct Checked {
    counts: HashMap<PathBuf, HostCounts>,
    listed: Option<Instant>,
}

impl AdoptCheck {
    /// Whether the outboxes have to be listed: a process of one of the directories died with records, or its counts are
    /// incomplete, or the last list is old. One system call for each directory, and some for each process with records.
    pub(super) fn is_list_due<'a>(
        &self,
        mut run_dirs: impl Iterator<Item = &'a Path>,
        is_alive: impl Fn(&str) -> bool,
    ) -> bool {
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: Instant| at.elapsed() < LIST_INTERVAL;
        let is_due = !checked.listed.is_some_and(is_recent)
            || run_dirs.any(|run_dir| checked.may_have_orphans(run_dir, &is_alive));
        if is_due {
            checked.listed = Some(Instant::now());
        }
        is_due
    }
}

impl Checked {
    fn may_have_orphans(&mut self, run_dir: &Path, is_alive: impl Fn(&str) -> bool) -> bool {
        let known = self.counts.get(run_dir);
        if !known.is_some_and(HostCounts::is_current) {
            self.counts.remove(run_dir);
            match HostCounts::read_only(run_dir) {
                Ok(Some(counts)) => drop(self.counts.insert(run_dir.to_owned(), counts)),
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        self.counts.get(run_dir).is_none_or(|counts| {
            let mut slots = counts.slots();
            !counts.are_complete() || slots.any(|slot| slot.records > 0 && !is_alive(&slot.name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentry::waiting_counts::WaitingCounts;

    #[test]
    fn list_is_due_for_dead_processes_with_records() {
        let dir = tempfile::tempdir().unwrap();
        let check = AdoptCheck::default();
        let is_due = |is_alive: bool| check.is_list_due([dir.path()].into_iter(), |_| is_alive);
        assert!(is_due(true), "the first one");
        assert!(!is_due(false), "no process has a slot");
        let process = WaitingCounts::open(dir.path(), "7-00000001").unwrap();
        assert!(!is_due(false), "it has no records");
        process.set_records(|| 1, 0);
        assert!(is_due(false) && !is_due(true));
        process.end(0, 0);
        assert!(!is_due(false));
        process.set_orphaned(|| crate::sentry::outbox::Backlog {
            records: 1,
            bytes: 8,
        });
        assert!(is_due(true), "an outbox that could not be adopted");
    }

    #[test]
    fn list_is_due_after_its_interval_and_for_an_unreadable_file() {
        let dir = tempfile::tempdir().unwrap();
        let check = AdoptCheck::default();
        let is_due = || check.is_list_due([dir.path()].into_iter(), |_| true);
        assert!(is_due() && !is_due());
        let old = Instant::now().checked_sub(LIST_INTERVAL);
        check.0.lock().unwrap().listed = old;
        assert!(is_due() && !is_due());
        drop(WaitingCounts::open(dir.path(), "7-00000001").unwrap());
        let name = std::fs::read_dir(dir.path()).unwrap().next();
        let path = name.unwrap().unwrap().path();
        assert!(!is_due());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_due());
        std::fs::write(&path, "other").unwrap();
        assert!(is_due() && is_due());
    }
}
