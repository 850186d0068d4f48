//! The directories of outboxes and dead letters, and the checks by which the leader's periodic task decides, without
//! opening the transport, whether there is anything to do in them. Any thread.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    adopt_check::AdoptCheck,
    dead_letters::replay_state::ReplayState,
    outbox::{self, AdoptBackoff},
};

/// The directories that a [`Sentry`](super::Sentry) uses. Without them everything is kept in the memory of the process.
#[derive(Debug, Clone, Default)]
pub struct SentryDirs {
    /// `run_dir`.
    pub run: Option<PathBuf>,
    /// `state_dir`.
    pub state: Option<PathBuf>,
    /// Former values of `run_dir`: outboxes there are adopted too.
    pub other_runs: Vec<PathBuf>,
    /// Failed adoptions, shared with the periodic task.
    pub adopt_backoff: Arc<AdoptBackoff>,
    /// The last list of outboxes, shared with the periodic task.
    pub adopt_check: Arc<AdoptCheck>,
    /// The last scan for replayable dead letters, shared with the periodic task.
    pub replays: Arc<ReplayState>,
}

impl SentryDirs {
    /// Whether there is an outbox of a dead process that is due for adoption: found at once if it died with records,
    /// and within a minute if that does not show in its count.
    #[must_use]
    pub fn has_adoptable_outboxes(&self) -> bool {
        let run_dirs = self.run.iter().chain(&self.other_runs);
        let is_alive = |name: &str| self.outboxes().any(|dir| outbox::is_held(&dir, name));
        self.run.is_none() && self.list_adoptable()
            || self
                .adopt_check
                .is_list_due(run_dirs.map(PathBuf::as_path), is_alive)
                && self.list_adoptable()
    }

    /// As [`SentryDirs::has_adoptable_outboxes`], from a list of all outboxes.
    pub(super) fn list_adoptable(&self) -> bool {
        self.outboxes().any(|dir| self.adopt_backoff.has_due(&dir))
    }

    /// Whether a dead letter may be due for replay. One system call.
    #[must_use]
    pub fn may_replay(&self) -> bool {
        let dir = self.dead_letters();
        dir.is_some_and(|dir| self.replays.may_have_due(&dir))
    }

    /// The directory for new outboxes: `state_dir` for durability against power loss, else `run_dir`.
    pub(super) fn outbox(&self, on_disk: bool) -> Option<PathBuf> {
        match on_disk {
            true => Some(self.state.as_ref()?.join("sentry").join("outbox")),
            false => Some(self.run.as_ref()?.join("sentry")),
        }
    }

    /// All directories that may hold outboxes, whichever durability was set when they were created.
    pub(super) fn outboxes(&self) -> impl Iterator<Item = PathBuf> {
        let others = self.other_runs.iter().map(|run| run.join("sentry"));
        [false, true]
            .into_iter()
            .filter_map(|on_disk| self.outbox(on_disk))
            .chain(others)
    }

    pub(super) fn dead_letters(&self) -> Option<PathBuf> {
        self.state.as_deref().map(dead_letters_in)
    }
}

pub(super) fn dead_letters_in(state_dir: &Path) -> PathBuf {
    state_dir.join("sentry").join("dead")
}
