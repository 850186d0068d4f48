//! Sentry's room in a process: opened with the first envelope, by PHP's thread, or by the steward's duty
//! when there is something to adopt. It works without the host's directories too, in memory; and without a thread
//! for the sender, which is asked for again from time to time: envelopes wait in the outbox, and outlive the process.

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
    config::SentrySettings,
    host::{Dirs, clock, lock::Lock},
    logging,
    runtime::{CompletionQueue, Job},
    sentry::{ReplayState, Sentry, SentryDirs, outbox::AdoptBackoff},
};

/// How often the steward looks for outboxes whose owners have died.
const ADOPT_EVERY: Duration = Duration::from_secs(1);

/// The room, which PHP's threads and the steward's duty may both open.
#[derive(Debug, Default)]
pub(super) struct SentryCell {
    room: OnceCell<Arc<Sentry>>,
    adopt_backoff: Arc<AdoptBackoff>,
    /// The sender could not be started, at that second since boot.
    is_unattended: AtomicBool,
    tried: AtomicU64,
    replays: Arc<ReplayState>,
}

impl SentryCell {
    pub(super) fn get(&self) -> Option<&Arc<Sentry>> {
        self.room.get()
    }

    /// Where envelopes and dead letters are, in the directories of the host.
    fn places(&self, dirs: &Dirs) -> SentryDirs {
        SentryDirs {
            run: Some(dirs.run.clone()),
            state: Some(dirs.state.clone()),
            other_runs: dirs.other_runs.clone(),
            adopt_backoff: Arc::clone(&self.adopt_backoff),
            replays: Arc::clone(&self.replays),
        }
    }

    fn open(
        &self,
        settings: &SentrySettings,
        places: SentryDirs,
        spawn_background: impl FnOnce(Arc<Sentry>),
    ) -> Result<&Arc<Sentry>> {
        self.room.get_or_try_init(|| {
            let sentry = Arc::new(Sentry::open(settings.clone(), places)?);
            spawn_background(Arc::clone(&sentry));
            Ok(sentry)
        })
    }
}

impl Engine {
    /// The room, with its sender running.
    ///
    /// # Errors
    /// The settings of `sentry` are bad, or the process is shutting down.
    #[inline]
    pub fn sentry(&self) -> Result<&Arc<Sentry>> {
        match self.sentry.get() {
            Some(sentry) if !self.sentry.is_unattended.load(Ordering::Relaxed) => Ok(sentry),
            Some(sentry) => {
                self.attend_again(sentry);
                Ok(sentry)
            }
            None => self.open_sentry(),
        }
    }

    /// Starts the sender where there was no thread for it, at most once a second.
    #[cold]
    fn attend_again(&self, sentry: &Arc<Sentry>) {
        let now = clock::since_boot().as_secs();
        if self.sentry.tried.swap(now, Ordering::Relaxed) != now {
            self.spawn_background(Arc::clone(sentry));
        }
    }

    fn spawn_background(&self, sentry: Arc<Sentry>) {
        let was_unattended = self.sentry.is_unattended.load(Ordering::Relaxed);
        let attended = self.runtime.spawn_background(sentry.run());
        if let (Err(error), false) = (&attended, was_unattended) {
            log::warn!(error = error.to_string().as_str(); "envelopes wait for a thread that sends them");
        }
        let is_unattended = attended.is_err();
        self.sentry
            .is_unattended
            .store(is_unattended, Ordering::Relaxed);
    }

    /// The settings, without opening the room.
    ///
    /// # Errors
    /// They are bad.
    pub fn sentry_settings(&self) -> Result<&SentrySettings> {
        self.check_capability("sentry")?;
        Ok(&self.settings().sentry)
    }

    /// Whether [`Engine::sentry`] would have to open it.
    #[inline]
    #[must_use]
    pub fn is_sentry_open(&self) -> bool {
        self.sentry.get().is_some()
    }

    #[cold]
    fn open_sentry(&self) -> Result<&Arc<Sentry>> {
        self.check_capability("sentry")?;
        logging::start_writer();
        let places = match self.dirs() {
            Ok(dirs) => self.sentry.places(dirs),
            Err(error) => {
                log::warn!(error = error.to_string().as_str(); "no directory for envelopes: they are kept in memory");
                SentryDirs::default()
            }
        };
        if let Err(error) = self.membership.get_or_try_init(|| self.join()) {
            log::warn!(error = error.to_string().as_str(); "this process can't take part in the host");
        }
        self.sentry.open(&self.settings().sentry, places, |sentry| {
            self.spawn_background(sentry);
        })
    }

    /// Has all that waits sent, as a job that ends with `true` when nothing waits any more.
    ///
    /// # Errors
    /// As [`Engine::sentry`].
    pub fn flush_sentry(
        &self,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        let sentry = Arc::clone(self.sentry()?);
        if self.sentry.is_unattended.load(Ordering::Relaxed) {
            self.spawn_background(Arc::clone(&sentry));
        }
        // Whoever gave up waiting has no use for it: it would hurry the sender for as long as Sentry is away.
        self.runtime.spawn("sentry.flush", completions, |context| async move {
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => Err(Error::Cancelled("the flush was cancelled".into())),
                sent = sentry.flush() => Ok(Value::Report(sent.into())),
            }
        })
    }

    /// `pillion.shutdown_timeout`, which is how long a flush takes that was given no time.
    #[must_use]
    pub fn shutdown_timeout(&self) -> Duration {
        self.settings().runtime.shutdown_timeout
    }

    /// The duty of adopting: opens the room only where there is something to adopt.
    pub(super) fn adopt_outboxes(&self, dirs: &Dirs) -> Option<super::host_member::PeriodicTask> {
        let off = self.resolved().capability_off("sentry").is_some();
        let settings = self.settings().sentry.clone();
        if off || !settings.enabled {
            return None;
        }
        let cell = Arc::clone(&self.sentry);
        let places = cell.places(dirs);
        let looked_at = places.clone();
        Some(super::host_member::PeriodicTask {
            name: "adopt outboxes",
            interval: ADOPT_EVERY,
            is_needed: Some(Arc::new(move || {
                looked_at.has_adoptable_outboxes() || looked_at.may_replay()
            })),
            run: Arc::new(move || {
                let opened = cell.open(&settings, places.clone(), |sentry| {
                    // Duties run on the runtime's threads.
                    tokio::runtime::Handle::current().spawn(sentry.run());
                });
                match opened {
                    Ok(sentry) => {
                        sentry.adopt();
                        sentry.replay_due();
                    }
                    Err(error) => {
                        log::warn!(error = error.to_string().as_str(); "outboxes can't be adopted");
                    }
                }
            }),
        })
    }

    /// A worker that has no job yet adopts what dead processes left, where no process does the duties of the
    /// host. Cheap where there is a steward, or nothing was ever left: it is asked once a second.
    pub fn look_for_orphans(&self) {
        let host = &self.settings().host;
        let off = self.resolved().capability_off("sentry").is_some();
        if self.membership.get().is_some() || off || !self.settings().sentry.enabled {
            return;
        }
        // Nothing is made for a process that has no use for it.
        let user = rustix::process::geteuid().as_raw();
        let usual = || PathBuf::from(format!("/dev/shm/pillion-{user}"));
        let run = host.run_dir.clone().unwrap_or_else(usual);
        if self.dirs.get().is_none() && !run.join("sentry").is_dir() {
            return;
        }
        let Ok(dirs) = self.dirs() else {
            return;
        };
        if Lock::is_held(&dirs.run.join("steward.lock")).unwrap_or(true) {
            return;
        }
        let places = self.sentry.places(dirs);
        if (places.has_adoptable_outboxes() || places.may_replay())
            && let Err(error) = self.sentry()
        {
            log::warn!(error = error.to_string().as_str(); "outboxes can't be adopted");
        }
    }

    /// Gives envelopes a moment at the end of the process: a script its whole time, because there may be
    /// nobody else; a worker a moment, because others go on.
    pub(super) fn end_sentry(&self, ceiling: Duration) {
        let is_unattended = self.sentry.is_unattended.load(Ordering::Relaxed);
        let Some(sentry) = self.sentry.get().filter(|_| !is_unattended) else {
            return;
        };
        match self.mode.as_str() {
            "cli" => sentry.shutdown(ceiling * 3 / 4, true),
            _ => sentry.shutdown((ceiling / 4).min(Duration::from_millis(250)), false),
        }
    }
}
