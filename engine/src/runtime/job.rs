//! One piece of background work: a record with a cancel token and a cell for the outcome. PHP's handle and the task on
//! the runtime share it; the first outcome stays. Any thread.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{CancellationToken, CompletionQueue};
use crate::{Error, Result, host::fork};

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Accepted, not started.
    Pending,
    /// Running on the runtime.
    Running,
    /// Ended with a value.
    Done,
    /// Ended with an error.
    Failed,
    /// Cancelled before it ended.
    Cancelled,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// The shared record of one job that ends with a `T`.
#[derive(Debug)]
pub struct Job<T> {
    id: u64,
    kind: &'static str,
    generation: u32,
    created: Instant,
    running: AtomicBool,
    cancel: CancellationToken,
    outcome: OnceLock<Result<T>>,
    completions: Option<Arc<CompletionQueue>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl<T> Job<T> {
    /// Creates a pending job that announces its end in `completions`.
    pub(super) fn new(kind: &'static str, completions: Option<Arc<CompletionQueue>>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            kind,
            generation: fork::generation(),
            created: Instant::now(),
            running: AtomicBool::new(false),
            cancel: CancellationToken::new(),
            outcome: OnceLock::new(),
            completions,
        }
    }

    /// Creates a job that is done from the start: a cache hit needs no runtime. No waiter is woken for it, because its
    /// handle reports it as done at once; `completions` lists it all the same.
    #[must_use]
    pub fn ready(
        kind: &'static str,
        completions: Option<Arc<CompletionQueue>>,
        outcome: Result<T>,
    ) -> Arc<Self> {
        let job = Self::new(kind, completions);
        job.complete(outcome);
        Arc::new(job)
    }

    /// Unique in the process and its forked children.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A short name for status pages: `velox.build`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Time since the job was created.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// The state at this moment.
    #[must_use]
    pub fn state(&self) -> JobState {
        match self.outcome.get() {
            Some(Ok(_)) => JobState::Done,
            Some(Err(Error::Cancelled(_))) => JobState::Cancelled,
            Some(Err(_)) => JobState::Failed,
            None if self.running.load(Ordering::Acquire) => JobState::Running,
            None => JobState::Pending,
        }
    }

    /// Whether this process created the job, and not an ancestor.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Whether the outcome is set.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Returns the outcome, or `None` before the job has ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<T>> {
        self.outcome.get()
    }

    /// Fails if the job belongs to an ancestor of this process and has no outcome: none will come.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn check_process(&self) -> Result<()> {
        if self.is_done() || self.is_ours() {
            return Ok(());
        }
        Err(Error::State(
            "this future belongs to the parent process; ask again in the forked child".into(),
        ))
    }

    /// Cancels the job. Returns `true` if it had not ended; its outcome is then [`Error::Cancelled`].
    pub fn cancel(&self) -> bool {
        if !self.is_ours() {
            return false;
        }
        // The outcome first: the work may end by itself as soon as the token is cancelled.
        let first = self.complete(Err(Error::Cancelled(format!(
            "{} was cancelled",
            self.kind
        ))));
        self.cancel.cancel();
        first
    }

    /// Sets the outcome and wakes the waiting thread. Returns `false` if an outcome was set before.
    pub(super) fn complete(&self, outcome: Result<T>) -> bool {
        let first = self.outcome.set(outcome).is_ok();
        if first && let Some(completions) = &self.completions {
            completions.push(self.id);
        }
        first
    }

    pub(super) fn begin(&self) {
        self.running.store(true, Ordering::Release);
    }

    /// The token that stops the work.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.cancel
    }
}

/// The part of a job that its work receives.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job's id.
    pub id: u64,
    /// Cancelled when the result is not wanted any more.
    pub cancel: CancellationToken,
}
