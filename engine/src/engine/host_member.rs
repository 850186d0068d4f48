//! A process as a member of the host: its presence, its part in the steward's duties, and what it knows
//! of the others. It joins with its first job, on PHP's thread; the duties run on the runtime.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use once_cell::sync::OnceCell;

use super::{Engine, artifact_stats};
pub(super) use crate::host::leader::PeriodicTask;
use crate::{
    Result,
    artifacts::Store,
    host::{
        Dirs, Presence, PresenceInfo, clock,
        leader::{self, Leadership},
        presence,
        secret::{self, Secret},
    },
    logging, sentry,
    threads::blocking,
    velox::Recency,
};

/// What a process holds once it takes part in the host.
pub(super) struct HostMembership {
    leadership: Leadership,
}

impl HostMembership {
    /// Whether this process does the duties of the host now.
    pub(super) fn is_leader(&self) -> bool {
        self.leadership.is_leader()
    }
}

impl Engine {
    /// Takes part in the host: shows presence, and watches for the steward's place.
    pub(super) fn join(&self) -> Result<HostMembership> {
        logging::start_writer();
        let dirs = self.dirs()?;
        // This process may have looked things up for days before its first job.
        dirs.restore()?;
        Secret::of_host(&dirs.state)?;
        let presence = Arc::clone(self.presence()?);
        let leadership = Leadership::default();
        self.runtime.spawn_background(leader::run(
            dirs.run.join("steward.lock"),
            self.tasks(),
            leadership.clone(),
        ))?;
        self.runtime.spawn_background(keep_alive(
            Arc::downgrade(&presence),
            dirs.clone(),
            self.store().ok().flatten().map(Arc::clone),
        ))?;
        Ok(HostMembership { leadership })
    }

    /// This process's presence, shown from now on. A worker that has no job shows it too, and takes no part in
    /// the duties.
    pub(super) fn presence(&self) -> Result<&Arc<Presence>> {
        self.presence.get_or_try_init(|| {
            let dirs = self.dirs()?;
            dirs.restore()?;
            let asks = self.settings().velox.max_concurrent_builds;
            let presence = Presence::join(&dirs.run, presence::describe(&self.mode, asks))?;
            Ok(Arc::new(presence))
        })
    }

    /// The light duties, which any worker may do.
    fn tasks(&self) -> Vec<PeriodicTask> {
        let mut tasks = Vec::new();
        if let Ok(dirs) = self.dirs() {
            let (dir, state) = (dirs.run.join("presence"), dirs.state.clone());
            let run = dirs.run.clone();
            let others: Vec<PathBuf> = dirs
                .other_runs
                .iter()
                .map(|run| run.join("presence"))
                .collect();
            tasks.push(PeriodicTask {
                name: "sweep presence",
                interval: Duration::from_secs(10),
                is_needed: None,
                run: Arc::new(move || {
                    let _ = presence::list_alive(&dir);
                    others
                        .iter()
                        .for_each(|dir| drop(presence::list_alive(dir)));
                    let now = Duration::from_millis(clock::unix_ms());
                    let now = SystemTime::UNIX_EPOCH + now;
                    secret::sweep(&state, now);
                    sentry::sweep(&run, &state, now);
                }),
            });
        }
        if let Ok(dirs) = self.dirs() {
            tasks.extend(self.adopt_outboxes(dirs));
        }
        if let Ok(Some(store)) = self.store() {
            let (clean, export) = (Arc::clone(store), Arc::clone(store));
            tasks.push(PeriodicTask {
                name: "clean artifacts",
                interval: self.settings().velox.cache.cleanup_interval,
                is_needed: None,
                run: Arc::new(move || report("clean", artifact_stats::clean(&clean, || false))),
            });
            tasks.push(PeriodicTask {
                name: "export index.json",
                interval: Duration::from_secs(60),
                is_needed: None,
                run: Arc::new(move || report("export", export.export())),
            });
        }
        if let Ok(velox) = self.velox() {
            let velox = Arc::clone(velox);
            tasks.push(PeriodicTask {
                name: "sweep builds",
                interval: Duration::from_secs(60),
                is_needed: None,
                run: Arc::new(move || velox.sweep(clock::unix_ms())),
            });
        }
        tasks
    }

    /// All processes that take part in the host now; empty where none ever did.
    #[must_use]
    pub fn workers(&self) -> Vec<PresenceInfo> {
        match (self.presence.get(), self.dirs.get()) {
            (Some(presence), _) => presence.list_alive(),
            (None, Some(dirs)) => presence::list_alive(&dirs.run.join("presence")),
            (None, None) => Vec::new(),
        }
    }
}

/// Keeps this process a member: what a cleaner of temporary files, or somebody's `rm`, has taken away
/// is made anew, and the index follows what was changed past it, by those who share the directory
/// and not the index: another capacity, another container.
async fn keep_alive(presence: Weak<Presence>, dirs: Dirs, store: Option<Arc<Store>>) {
    let mut told = false;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(presence) = presence.upgrade() else {
            return;
        };
        // Looks at memory, and at names that are no farther than run_dir and the kernel's cache: a
        // thread that may block is woken only where there is something to do.
        let missing = !presence.is_published();
        if let Some(store) = &store {
            store.renew_index();
        }
        let behind = store
            .clone()
            .filter(|store| store.wants_preparation() || store.has_news());
        if !missing && behind.is_none() {
            told = false;
            continue;
        }
        let dirs = dirs.clone();
        let caught_up = blocking(move || {
            dirs.restore()?;
            if missing {
                presence.renew()?;
            }
            behind.map_or(Ok(()), |store| {
                store.restore();
                store.prepare()
            })
        });
        let caught_up = caught_up.await.and_then(|caught_up| caught_up);
        if let (Err(error), false) = (caught_up, told) {
            log::warn!(error:%; "this process does not keep up with its host");
            told = true;
        }
    }
}

/// So long a process builds one at a time, until those that start together with it show their limits.
pub(super) const SETTLING: Duration = Duration::from_millis(500);

/// The smallest number of concurrent builds that a living process asks for: 1 for `settling` after the first
/// question, then looked up once a second, or whenever it has to be of now.
pub(super) fn limit_of(
    presence: PathBuf,
    own: usize,
    settling: Duration,
) -> impl Fn(Recency) -> usize + Send + Sync {
    let begun = OnceCell::new();
    let last = Mutex::new(None);
    move |recency| {
        let now = clock::since_boot();
        if now.saturating_sub(*begun.get_or_init(|| now)) < settling {
            return 1;
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((at, limit))
                if recency == Recency::Recent
                    && now.saturating_sub(at) < Duration::from_secs(1) =>
            {
                limit
            }
            _ => {
                let living = presence::list_alive(&presence);
                let asked = living.iter().map(|info| info.max_concurrent_builds).min();
                let limit = asked.unwrap_or(own).clamp(1, own.max(1));
                *last = Some((now, limit));
                limit
            }
        }
    }
}

fn report<T>(task: &str, outcome: Result<T>) {
    if let Err(error) = outcome {
        log::warn!(task = task, error:%; "periodic task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_limit_of_the_living_holds_from_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let join = |asks| Presence::join(dir.path(), presence::describe("cli", asks)).unwrap();
        let living = dir.path().join("presence");
        let five = join(5);
        let settling = limit_of(living.clone(), 5, Duration::from_secs(3600));
        assert_eq!(settling(Recency::Now), 1);
        let limit = limit_of(living, 5, Duration::ZERO);
        assert_eq!(limit(Recency::Recent), 5);
        let one = join(1);
        assert_eq!(limit(Recency::Now), 1);
        assert_eq!(limit(Recency::Recent), 1);
        drop(one);
        assert_eq!(limit(Recency::Now), 5);
        drop(five);
        assert_eq!(limit(Recency::Now), 5);
    }
}
