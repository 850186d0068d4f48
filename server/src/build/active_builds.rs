//! The table of builds: configurations that are being built, and the progress of each build until some time after its
//! end. Any task; the mutex is held for moments and never across an await.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::progress::{Progress, ProgressReport};

/// Time for which the progress of an ended build can be requested.
const RETENTION: Duration = Duration::from_secs(10 * 60);
/// Builds with progress; above it, ended ones are dropped early.
const MAX_BUILDS: usize = 1000;

/// All queued and running builds, and those that ended lately.
#[derive(Debug, Default)]
pub(super) struct ActiveBuilds(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Fingerprints of the queued and running builds.
    active: Vec<String>,
    /// Progress and time of the end, by request id.
    progress: HashMap<String, (Arc<Progress>, Option<Instant>)>,
}

impl ActiveBuilds {
    /// Whether that configuration is queued or being built.
    pub(super) fn contains(&self, fingerprint: &str) -> bool {
        self.table().active.iter().any(|other| other == fingerprint)
    }

    /// Number of queued and running builds.
    pub(super) fn count(&self) -> usize {
        self.table().active.len()
    }

    /// The progress of a build, by its request id.
    pub(super) fn report(&self, request_id: &str) -> Option<ProgressReport> {
        let progress = self.table().progress.get(request_id)?.0.clone();
        Some(progress.report())
    }

    /// Drops the progress of builds that ended longer ago than [`RETENTION`].
    pub(super) fn drop_expired(&self) {
        let is_recent = |ended: &Option<Instant>| ended.is_none_or(|at| at.elapsed() < RETENTION);
        let mut table = self.table();
        table.progress.retain(|_, (_, ended)| is_recent(ended));
    }

    /// Registers a build, or returns `None` if its configuration is registered.
    pub(super) fn register(
        self: &Arc<Self>,
        fingerprint: String,
        request_id: &str,
    ) -> Option<ActiveBuild> {
        let progress = Arc::new(Progress::new(request_id));
        let mut table = self.table();
        if table.active.contains(&fingerprint) {
            return None;
        }
        if table.progress.len() >= MAX_BUILDS {
            table.progress.retain(|_, (_, ended)| ended.is_none());
        }
        table.active.push(fingerprint.clone());
        let entry = (Arc::clone(&progress), None);
        table.progress.insert(request_id.to_owned(), entry);
        drop(table);
        Some(ActiveBuild {
            builds: Arc::clone(self),
            fingerprint,
            request_id: request_id.to_owned(),
            progress,
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A build's entry in the table, unregistered when it is dropped.
#[derive(Debug)]
pub(super) struct ActiveBuild {
    builds: Arc<ActiveBuilds>,
    fingerprint: String,
    pub(super) request_id: String,
    pub(super) progress: Arc<Progress>,
}

impl Drop for ActiveBuild {
    fn drop(&mut self) {
        let mut table = self.builds.table();
        table.active.retain(|other| *other != self.fingerprint);
        // The same request id may have registered another build meanwhile.
        if let Some((progress, ended)) = table.progress.get_mut(&self.request_id)
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
    fn a_configuration_is_registered_once_and_its_progress_stays() {
        let builds = Arc::new(ActiveBuilds::default());
        let first = builds.register("a".into(), "id-1").unwrap();
        assert!(builds.register("a".into(), "id-2").is_none());
        assert!(builds.report("id-2").is_none());
        let other = builds.register("b".into(), "id-3").unwrap();
        assert_eq!(builds.count(), 2);
        drop((first, other));
        assert_eq!((builds.count(), builds.contains("a")), (0, false));
        assert!(builds.report("id-1").is_some());
        builds.drop_expired();
        assert!(builds.report("id-1").is_some(), "it ended a moment ago");
        assert!(builds.register("a".into(), "id-1").is_some());
    }

    #[test]
    fn ended_builds_are_dropped_when_the_table_is_full() {
        let builds = Arc::new(ActiveBuilds::default());
        let running = builds.register("run".into(), "running").unwrap();
        for number in 0..MAX_BUILDS + 10 {
            drop(builds.register("x".into(), &number.to_string()));
        }
        assert!(builds.table().progress.len() <= MAX_BUILDS);
        assert!(builds.report("running").is_some());
        drop(running);
    }
}
