//! The process as a member of the host: its presence, its periodic tasks while it is the leader, and its view of the
//! other members. It joins with its first job, on PHP's thread; the tasks run on the runtime.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use once_cell::sync::OnceCell;

use super::{Engine, artifact_stats};
pub(super) use crate::host::leader::PeriodicTask;
use crate::{
    Error, Result,
    artifacts::Store,
    error::IoContext,
    host::{
        Dirs, Presence, PresenceInfo, clock,
        leader::{self, Candidacy, Leadership},
        lock::{Lock, LockMode},
        presence,
        secret::{self, Secret},
    },
    logging, metrics,
    runtime::CancellationToken,
    sentry,
    threads::blocking,
    velox::{Recency, delivery::StoredRequests},
};

/// Locked by the standing server of the host.
const SERVE_LOCK: &str = "serve.lock";

/// The state of a process that has joined the host.
pub(super) struct HostMembership {
    leadership: Leadership,
    /// Cancelled when the standing server gives up its leadership.
    resigned: CancellationToken,
}

impl HostMembership {
    /// Whether this process is the leader.
    pub(super) fn is_leader(&self) -> bool {
        self.leadership.is_leader()
    }
}

impl Engine {
    /// Joins the host: publishes the presence and takes part in the leader election.
    pub(super) fn join(&self) -> Result<HostMembership> {
        logging::start_writer();
        let dirs = self.dirs()?;
        // This process may have run for days before its first job, and its directories may have been removed.
        dirs.restore()?;
        Secret::of_host(&dirs.state)?;
        let presence = Arc::clone(self.presence()?);
        let (leadership, resigned) = (Leadership::default(), CancellationToken::new());
        let candidacy = match self.is_server {
            true => Candidacy::Server(resigned.clone()),
            false => Candidacy::Worker {
                serve_lock: dirs.run.join(SERVE_LOCK),
            },
        };
        self.runtime.spawn_background(leader::run(
            dirs.run.join("leader.lock"),
            self.periodic_tasks(),
            leadership.clone(),
            candidacy,
        ))?;
        self.runtime.spawn_background(keep_alive(
            Arc::downgrade(&presence),
            dirs.clone(),
            self.store().ok().flatten().map(Arc::clone),
        ))?;
        Ok(HostMembership {
            leadership,
            resigned,
        })
    }

    /// Tries to become the standing server of the host. Returns `None` while another process is. While the lock is
    /// held, no worker leads.
    ///
    /// # Errors
    /// The directories are not usable.
    pub fn server_lock(&self) -> Result<Option<Lock>> {
        let dirs = self.dirs()?;
        dirs.restore()?;
        let path = dirs.run.join(SERVE_LOCK);
        Lock::attempt(&path, LockMode::Exclusive).context(|| path.display().to_string())
    }

    /// Whether a process is the standing server of the host.
    #[must_use]
    pub fn has_server(&self) -> bool {
        let is_held = |dirs: &Dirs| Lock::is_held(&dirs.run.join(SERVE_LOCK)).unwrap_or(false);
        self.dirs().is_ok_and(is_held)
    }

    /// Joins the host without a job. A standing server calls it once it holds [`Engine::server_lock`].
    ///
    /// # Errors
    /// A directory is not usable, or the system grants no threads.
    pub fn join_host(&self) -> Result<()> {
        self.membership.get_or_try_init(|| self.join()).map(drop)
    }

    /// Gives up the leadership of a standing server, after the periodic task that runs now.
    pub fn resign(&self) {
        if let Some(membership) = self.membership.get() {
            membership.resigned.cancel();
        }
    }

    /// Whether this process does the periodic work of the host.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.membership.get().is_some_and(HostMembership::is_leader)
    }

    /// Returns this process's presence, published if necessary. A worker without a job publishes it too, and takes no
    /// part in the leader election.
    pub(super) fn presence(&self) -> Result<&Arc<Presence>> {
        self.presence.get_or_try_init(|| {
            let dirs = self.dirs()?;
            dirs.restore()?;
            let asks = self.settings().velox.max_concurrent_builds;
            let presence = Presence::join(&dirs.run, presence::describe(&self.mode, asks))?;
            Ok(Arc::new(presence))
        })
    }

    /// The light periodic tasks, which any worker may run.
    fn periodic_tasks(&self) -> Vec<PeriodicTask> {
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
                run: Arc::new(move || {
                    log_failure("clean", artifact_stats::clean(&clean, || false))
                }),
            });
            tasks.push(PeriodicTask {
                name: "export index.json",
                interval: Duration::from_secs(60),
                is_needed: None,
                run: Arc::new(move || log_failure("export", export.export())),
            });
        }
        tasks.extend(self.cache_task());
        tasks.extend(self.coverage_task());
        if let (Ok(velox), Ok(dirs)) = (self.velox(), self.dirs()) {
            let velox = Arc::clone(velox);
            let requests = StoredRequests::new(&dirs.run);
            tasks.push(PeriodicTask {
                name: "sweep builds",
                interval: Duration::from_secs(60),
                is_needed: None,
                run: Arc::new(move || {
                    velox.sweep(clock::unix_ms());
                    requests.sweep(SystemTime::now());
                }),
            });
        }
        tasks
    }

    /// Lists all live members of the host; empty if no process has joined it.
    #[must_use]
    pub fn workers(&self) -> Vec<PresenceInfo> {
        match (self.presence.get(), self.dirs.get()) {
            (Some(presence), _) => presence.list_alive(),
            (None, Some(dirs)) => presence::list_alive(&dirs.run.join("presence")),
            (None, None) => Vec::new(),
        }
    }
}

/// Keeps the membership valid: recreates files that a cleaner of temporary files or an `rm` has removed, and updates
/// the index with changes of processes that share the cache directory but not the index (another capacity, another
/// container).
async fn keep_alive(presence: Weak<Presence>, dirs: Dirs, store: Option<Arc<Store>>) {
    let mut is_reported = false;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(presence) = presence.upgrade() else {
            return;
        };
        // Checks memory and cached names in run_dir only: a blocking thread is woken only if there is work.
        let missing = !presence.is_published();
        if let Some(store) = &store {
            store.remap_index();
        }
        let behind = store
            .clone()
            .filter(|store| store.needs_preparation() || store.has_changes());
        let is_uncounted = metrics::is_lost();
        if !missing && behind.is_none() && !is_uncounted {
            is_reported = false;
            continue;
        }
        let dirs = dirs.clone();
        let caught_up = blocking(move || {
            dirs.restore()?;
            if missing {
                presence.renew()?;
            }
            let metrics = match is_uncounted {
                true => metrics::share(&dirs.run),
                false => Ok(()),
            };
            behind.map_or(Ok(()), |store| {
                store.restore();
                store.prepare()
            })?;
            metrics.map_err(|error| Error::io("sharing the metrics", error))
        });
        let caught_up = caught_up.await.and_then(|caught_up| caught_up);
        if let (Err(error), false) = (caught_up, is_reported) {
            log::warn!(error:%; "failed to refresh shared state");
            is_reported = true;
        }
    }
}

/// Period after start in which a process builds one at a time, until processes that start together with it have
/// published their limits.
pub(super) const STARTUP_PERIOD: Duration = Duration::from_millis(500);

/// Returns the host's build limit: the smallest number of concurrent builds that a live process allows. It is 1 for
/// `startup` after the first call, then read once a second, or at each call with [`Recency::Now`].
pub(super) fn build_limit(
    presence: PathBuf,
    own: usize,
    startup: Duration,
) -> impl Fn(Recency) -> usize + Send + Sync {
    let begun = OnceCell::new();
    let last = Mutex::new(None);
    move |recency| {
        let now = clock::since_boot();
        if now.saturating_sub(*begun.get_or_init(|| now)) < startup {
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
                let smallest = living.iter().map(|info| info.max_concurrent_builds).min();
                let limit = smallest.unwrap_or(own).clamp(1, own.max(1));
                *last = Some((now, limit));
                limit
            }
        }
    }
}

fn log_failure<T>(task: &str, outcome: Result<T>) {
    if let Err(error) = outcome {
        log::warn!(task = task, error:%; "periodic task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_limit_is_the_smallest_of_live_processes() {
        let dir = tempfile::tempdir().unwrap();
        let join = |asks| Presence::join(dir.path(), presence::describe("cli", asks)).unwrap();
        let living = dir.path().join("presence");
        let five = join(5);
        let starting = build_limit(living.clone(), 5, Duration::from_secs(3600));
        assert_eq!(starting(Recency::Now), 1);
        let limit = build_limit(living, 5, Duration::ZERO);
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
