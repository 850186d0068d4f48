//! The Sentry transport of a process: opened by PHP's thread with the first envelope, or by the leader's task if there
//! is an outbox to adopt. Without the host's directories it works in memory; without a thread for the sender, envelopes
//! wait in the outbox, which outlives the process, and the thread is requested again from time to time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use once_cell::sync::OnceCell;

use super::{Engine, Value};
use crate::{
    Error, Result,
    config::{Capability, SentrySettings},
    host::{Dirs, clock, lock::Lock},
    logging,
    runtime::{CompletionQueue, Job},
    sentry::{AdoptCheck, ReplayState, Sentry, SentryDirs, outbox::AdoptBackoff},
};

/// The interval at which the leader checks for outboxes of dead processes.
const ADOPT_INTERVAL: Duration = Duration::from_secs(1);

/// The transport, which PHP's threads and the leader's task may both open.
#[derive(Debug, Default)]
pub(super) struct SentryCell {
    sentry: OnceCell<Arc<Sentry>>,
    adopt_backoff: Arc<AdoptBackoff>,
    adopt_check: Arc<AdoptCheck>,
    /// The sender could not be started.
    is_sender_missing: AtomicBool,
    /// The last attempt to start it, in seconds since boot.
    last_attempt: AtomicU64,
    replays: Arc<ReplayState>,
}

impl SentryCell {
    pub(super) fn get(&self) -> Option<&Arc<Sentry>> {
        self.sentry.get()
    }

    /// Returns the directories of outboxes and dead letters.
    pub(super) fn dirs(&self, dirs: &Dirs) -> SentryDirs {
        SentryDirs {
            run: Some(dirs.run.clone()),
            state: Some(dirs.state.clone()),
            other_runs: dirs.other_runs.clone(),
            adopt_backoff: Arc::clone(&self.adopt_backoff),
            adopt_check: Arc::clone(&self.adopt_check),
            replays: Arc::clone(&self.replays),
        }
    }

    fn open(
        &self,
        settings: &SentrySettings,
        dirs: SentryDirs,
        start_sender: impl FnOnce(Arc<Sentry>),
    ) -> Result<&Arc<Sentry>> {
        self.sentry.get_or_try_init(|| {
            let sentry = Arc::new(Sentry::open(settings.clone(), dirs)?);
            start_sender(Arc::clone(&sentry));
            Ok(sentry)
        })
    }
}

impl Engine {
    /// Returns the transport, opened if necessary, with its sender running.
    ///
    /// # Errors
    /// A setting of `sentry` is invalid, or the process is shutting down.
    #[inline]
    pub fn sentry(&self) -> Result<&Arc<Sentry>> {
        match self.sentry.get() {
            Some(sentry) if !self.sentry.is_sender_missing.load(Ordering::Relaxed) => Ok(sentry),
            Some(sentry) => {
                self.retry_sender(sentry);
                Ok(sentry)
            }
            None => self.open_sentry(),
        }
    }

    /// Starts a sender that was refused a thread, at most once a second.
    #[cold]
    fn retry_sender(&self, sentry: &Arc<Sentry>) {
        let now = clock::since_boot().as_secs();
        if self.sentry.last_attempt.swap(now, Ordering::Relaxed) != now {
            self.start_sender(Arc::clone(sentry));
        }
    }

    fn start_sender(&self, sentry: Arc<Sentry>) {
        let was_missing = self.sentry.is_sender_missing.load(Ordering::Relaxed);
        let started = self.runtime.spawn_background(sentry.run());
        if let (Err(error), false) = (&started, was_missing) {
            log::warn!(error:%; "Sentry sender not started, envelopes stay queued");
        }
        let is_missing = started.is_err();
        self.sentry
            .is_sender_missing
            .store(is_missing, Ordering::Relaxed);
    }

    /// Returns the settings without opening the transport.
    ///
    /// # Errors
    /// A setting is invalid.
    pub fn sentry_settings(&self) -> Result<&SentrySettings> {
        self.check_capability(Capability::Sentry)?;
        Ok(&self.settings().sentry)
    }

    /// Whether [`Engine::sentry`] has opened the transport.
    #[inline]
    #[must_use]
    pub fn is_sentry_open(&self) -> bool {
        self.sentry.get().is_some()
    }

    /// Returns the transport if it was opened.
    #[must_use]
    pub fn opened_sentry(&self) -> Option<&Arc<Sentry>> {
        self.sentry.get()
    }

    #[cold]
    fn open_sentry(&self) -> Result<&Arc<Sentry>> {
        self.check_capability(Capability::Sentry)?;
        logging::start_writer();
        let dirs = match self.dirs() {
            Ok(dirs) => self.sentry.dirs(dirs),
            Err(error) => {
                log::warn!(error:%; "no directory for the outbox, envelopes stay in memory");
                SentryDirs::default()
            }
        };
        if let Err(error) = self.membership.get_or_try_init(|| self.join()) {
            log::warn!(error:%; "failed to join the host");
        }
        self.sentry.open(&self.settings().sentry, dirs, |sentry| {
            self.start_sender(sentry);
        })
    }

    /// Sends all queued envelopes, as a job that ends with `true` once the queue is empty.
    ///
    /// # Errors
    /// As [`Engine::sentry`].
    pub fn flush_sentry(
        &self,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        let sentry = Arc::clone(self.sentry()?);
        if self.sentry.is_sender_missing.load(Ordering::Relaxed) {
            self.start_sender(Arc::clone(&sentry));
        }
        // Ends with its caller: it would keep the sender busy for as long as Sentry can't be reached.
        self.runtime.spawn("sentry.flush", completions, |context| async move {
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => Err(Error::Cancelled("the flush was cancelled".into())),
                sent = sentry.flush() => Ok(Value::Report(sent.into())),
            }
        })
    }

    /// `pillion.shutdown_timeout`, also the default timeout of a flush.
    #[must_use]
    pub fn shutdown_timeout(&self) -> Duration {
        self.settings().runtime.shutdown_timeout
    }

    /// The periodic task of adopting outboxes; opens the transport only if there is one to adopt.
    pub(super) fn adopt_outboxes(&self, dirs: &Dirs) -> Option<super::host_member::PeriodicTask> {
        let off = self.resolved().capability_off(Capability::Sentry).is_some();
        let settings = self.settings().sentry.clone();
        if off || !settings.enabled {
            return None;
        }
        let cell = Arc::clone(&self.sentry);
        let dirs = cell.dirs(dirs);
        let checked = dirs.clone();
        Some(super::host_member::PeriodicTask {
            name: "adopt outboxes",
            interval: ADOPT_INTERVAL,
            is_needed: Some(Arc::new(move || {
                checked.has_adoptable_outboxes() || checked.may_replay()
            })),
            run: Arc::new(move || {
                let opened = cell.open(&settings, dirs.clone(), |sentry| {
                    // Periodic tasks run on the runtime's threads.
                    tokio::runtime::Handle::current().spawn(sentry.run());
                });
                match opened {
                    Ok(sentry) => {
                        sentry.adopt();
                        sentry.replay_due();
                    }
                    Err(error) => {
                        log::warn!(error:%; "failed to adopt outboxes");
                    }
                }
            }),
        })
    }

    /// Adopts the outboxes of dead processes if the host has no leader; for a worker that has no job yet. Called once a
    /// second, and cheap if there is a leader or no outbox.
    pub fn adopt_without_leader(&self) {
        let host = &self.settings().host;
        let off = self.resolved().capability_off(Capability::Sentry).is_some();
        if self.membership.get().is_some() || off || !self.settings().sentry.enabled {
            return;
        }
        // No directory is created for a process that doesn't need one.
        let user = rustix::process::geteuid().as_raw();
        let default = || PathBuf::from(format!("/dev/shm/pillion-{user}"));
        let run = host.run_dir.clone().unwrap_or_else(default);
        if self.dirs.get().is_none() && !run.join("sentry").is_dir() {
            return;
        }
        let Ok(dirs) = self.dirs() else {
            return;
        };
        if Lock::is_held(&dirs.run.join("leader.lock")).unwrap_or(true) {
            return;
        }
        let dirs = self.sentry.dirs(dirs);
        if (dirs.has_adoptable_outboxes() || dirs.may_replay())
            && let Err(error) = self.sentry()
        {
            log::warn!(error:%; "failed to adopt outboxes");
        }
    }

    /// Sends queued envelopes at the end of the process: a script uses most of `timeout`, because it may be the host's
    /// last process; a worker takes a moment, because other workers go on.
    pub(super) fn stop_sentry(&self, timeout: Duration) {
        let is_missing = self.sentry.is_sender_missing.load(Ordering::Relaxed);
        let Some(sentry) = self.sentry.get() else {
            return;
        };
        match self.mode.as_str() {
            _ if is_missing => sentry.lose_in_memory(),
            "cli" => sentry.shutdown(timeout * 3 / 4, true),
            _ => sentry.shutdown((timeout / 4).min(Duration::from_millis(250)), false),
        }
    }
}
