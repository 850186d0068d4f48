//! The table of builds: which configuration is being built, and the progress of each build for a while
//! after its end. Any task; the lock is held for moments and never across an await.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::build::progress::{Progress, Report};

/// How long the progress of an ended build can still be asked for.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// The most builds whose progress is remembered.
const REMEMBERED_MOST: usize = 1000;

/// All builds that fly, and those that landed lately.
#[derive(Debug, Default)]
pub(super) struct ActiveBuilds(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Fingerprints of what is being built.
    in_flight: Vec<String>,
    /// By request id; with the moment of the end.
    progress: HashMap<String, (Arc<Progress>, Option<Instant>)>,
}

impl ActiveBuilds {
    /// Whether that configuration is being built.
    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.table()
            .in_flight
            .iter()
            .any(|other| other == fingerprint)
    }

    /// Builds that run or wait.
    pub(super) fn count(&self) -> usize {
        self.table().in_flight.len()
    }

    /// The progress of a build by its request's id.
    pub(super) fn report(&self, id: &str) -> Option<Report> {
        let progress = self.table().progress.get(id)?.0.clone();
        Some(progress.report())
    }

    /// Forgets what ended long ago.
    pub(super) fn forget_old(&self) {
        let young = |ended: &Option<Instant>| ended.is_none_or(|at| at.elapsed() < REMEMBERED);
        self.table().progress.retain(|_, (_, ended)| young(ended));
    }

    /// Begins a build. `None`: the same configuration is being built.
    pub(super) fn begin(self: &Arc<Self>, fingerprint: String, id: &str) -> Option<ActiveBuild> {
        let progress = Arc::new(Progress::new(id));
        let mut table = self.table();
        if table.in_flight.contains(&fingerprint) {
            return None;
        }
        if table.progress.len() >= REMEMBERED_MOST {
            table.progress.retain(|_, (_, ended)| ended.is_none());
        }
        table.in_flight.push(fingerprint.clone());
        table
            .progress
            .insert(id.to_owned(), (Arc::clone(&progress), None));
        drop(table);
        Some(ActiveBuild {
            active: Arc::clone(self),
            fingerprint,
            id: id.to_owned(),
            progress,
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A build's place in the table, given back when it is dropped.
#[derive(Debug)]
pub(super) struct ActiveBuild {
    active: Arc<ActiveBuilds>,
    fingerprint: String,
    /// The request's.
    pub(super) id: String,
    pub(super) progress: Arc<Progress>,
}

impl Drop for ActiveBuild {
    fn drop(&mut self) {
        let mut table = self.active.table();
        table.in_flight.retain(|other| *other != self.fingerprint);
        // The same id may have begun another build meanwhile.
        if let Some((progress, ended)) = table.progress.get_mut(&self.id)
            && Arc::ptr_eq(progress, &self.progress)
        {
            *ended = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_flies_once_and_its_progress_stays_after_it_landed() {
        let active = Arc::new(ActiveBuilds::default());
        let flight = active.begin("a".into(), "id-1").unwrap();
        assert!(active.begin("a".into(), "id-2").is_none());
        assert!(active.report("id-2").is_none());
        let other = active.begin("b".into(), "id-3").unwrap();
        assert_eq!(active.count(), 2);
        drop((flight, other));
        assert_eq!((active.count(), active.has("a")), (0, false));
        assert!(active.report("id-1").is_some());
        active.forget_old();
        assert!(active.report("id-1").is_some(), "it landed a moment ago");
        assert!(active.begin("a".into(), "id-1").is_some());
    }

    #[test]
    fn ended_builds_make_room_for_new_ones() {
        let active = Arc::new(ActiveBuilds::default());
        let running = active.begin("run".into(), "running").unwrap();
        for number in 0..REMEMBERED_MOST + 10 {
            drop(active.begin("x".into(), &number.to_string()));
        }
        assert!(active.table().progress.len() <= REMEMBERED_MOST);
        assert!(active.report("running").is_some());
        drop(running);
    }
}
