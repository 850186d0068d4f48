//! The transport of one process: what it consists of, how it opens and how it ends. PHP's threads and the runtime.

use std::{path::PathBuf, sync::Arc};

use super::{
    SentryDirs,
    dead_letters::{CachedFileCount, DeadLetters},
    outbox::{Capacity, Outbox},
    sender::state::SenderState,
    shared_state::SharedState,
    valid_dsns::ValidDsns,
    waiting_counts::WaitingCounts,
};
use crate::{Error, Result, config::SentrySettings, host::files};

/// The Sentry transport of one process: its outbox, the state that it shares with the host, and the handshake with
/// its sender. PHP's threads and the runtime use it at once.
#[derive(Debug)]
pub struct Sentry {
    pub(super) settings: SentrySettings,
    pub(super) dirs: SentryDirs,
    pub(super) outbox: Outbox,
    pub(super) shared: Arc<SharedState>,
    /// `None` without a state directory.
    pub(super) dead_letters: Option<DeadLetters>,
    /// This process's slot in the counts of the host. `None`: the files of the outboxes are counted instead.
    pub(super) waiting_counts: Option<WaitingCounts>,
    pub(super) dead_letter_count: CachedFileCount,
    pub(super) sender_state: SenderState,
    pub(super) valid_dsns: ValidDsns,
}

impl Sentry {
    /// Creates the outbox of this process and opens the shared state. Starts no thread and no task:
    /// [`Sentry::run`] is the sender.
    ///
    /// # Errors
    /// Out of memory.
    pub fn open(settings: SentrySettings, dirs: SentryDirs) -> Result<Self> {
        let outbox_dir = dirs.outbox(settings.on_disk);
        if let Some(dir) = &outbox_dir
            && let Err(error) = files::create_dir_with_parent(dir)
        {
            log::warn!(path:% = dir.display(), error:%; "failed to create the outbox directory");
        }
        let capacity = Capacity {
            bytes: settings.outbox_size,
            records: settings.buffer_size,
        };
        let (outbox, error) = Outbox::open(outbox_dir.as_deref(), capacity);
        if let Some(error) = error {
            log::warn!(error:%; "outbox in memory only: queued envelopes are lost when the process ends");
        }
        let shared = SharedState::open(dirs.run.as_deref())
            .map_err(|error| Error::io("mapping Sentry's shared state", error))?;
        let slot = dirs.run.as_deref().zip(outbox.name());
        let waiting_counts = slot.and_then(|(run, name)| WaitingCounts::open(run, name));
        let dead_letters = dirs.dead_letters().map(|dir| {
            DeadLetters::new(
                dir,
                settings.dead_letter_max_count,
                settings.dead_letter_max_size,
            )
        });
        Ok(Self {
            outbox,
            shared: Arc::new(shared),
            dead_letters,
            waiting_counts,
            dead_letter_count: CachedFileCount::default(),
            sender_state: SenderState::default(),
            valid_dsns: ValidDsns::default(),
            settings,
            dirs,
        })
    }

    /// The number of envelopes of this process that are queued or being sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    pub(super) fn outbox_dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.dirs.outboxes()
    }

    /// Whether `sentry.logging.level` includes `level`.
    pub(super) fn logs_at(&self, level: log::Level) -> bool {
        level <= self.settings.log_level
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.lose_in_memory();
        if let Some(waiting_counts) = &self.waiting_counts {
            waiting_counts.end(self.outbox.queued(), self.outbox.in_memory_records());
        }
    }
}
