//! One piece of background work: a record with an owner, a cancel token and a slot for the outcome.
//! PHP's handle and the task on the runtime share it; the first outcome stays. Any thread.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{CancelToken, Inbox};
use crate::{Error, Result, host::fork};

/// Whose end ends the interest in a job's result. The work goes on in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One logical request.
    Request,
    /// The process: work that no request asked for.
    Process,
    /// The host: the steward's duties.
    Host,
}

/// What the shutdown of the process does to a job that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnShutdown {
    /// Dropped at once; nothing is left behind.
    Abort,
    /// Given the time that the shutdown has.
    Finish,
    /// Dropped at once; another process of the host takes the work over.
    HandOver,
}

/// What kind of job is asked for.
#[derive(Debug, Clone, Copy)]
pub struct JobSpec {
    /// A short name for status pages: `velox.build`.
    pub kind: &'static str,
    /// Who is interested.
    pub owner: Owner,
    /// What shutdown does to it.
    pub on_shutdown: OnShutdown,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Accepted, and not begun.
    Pending,
    /// Being worked on.
    Running,
    /// Ended with a value.
    Done,
    /// Ended with an error.
    Failed,
    /// Cancelled before it ended.
    Cancelled,
}

impl fmt::Display for State {
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
    spec: JobSpec,
    generation: u32,
    created: Instant,
    running: AtomicBool,
    cancel: CancelToken,
    outcome: OnceLock<Result<T>>,
    inbox: Option<Arc<Inbox>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl<T> Job<T> {
    /// A pending job whose end is told to `inbox`.
    pub(super) fn new(spec: JobSpec, inbox: Option<Arc<Inbox>>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            spec,
            generation: fork::generation(),
            created: Instant::now(),
            running: AtomicBool::new(false),
            cancel: CancelToken::new(),
            outcome: OnceLock::new(),
            inbox,
        }
    }

    /// A job that was done before it began: a hit needs no runtime. Nobody is woken for it, because
    /// its handle says that it is done from the start; `inbox` learns of it all the same.
    #[must_use]
    pub fn ready(spec: JobSpec, inbox: Option<Arc<Inbox>>, outcome: Result<T>) -> Arc<Self> {
        let job = Self::new(spec, inbox);
        job.complete(outcome);
        Arc::new(job)
    }

    /// Unique in the process and its forked children.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What kind of job it is.
    #[must_use]
    pub fn spec(&self) -> JobSpec {
        self.spec
    }

    /// How long ago it was asked for.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        match self.outcome.get() {
            Some(Ok(_)) => State::Done,
            Some(Err(Error::Cancelled(_))) => State::Cancelled,
            Some(Err(_)) => State::Failed,
            None if self.running.load(Ordering::Acquire) => State::Running,
            None => State::Pending,
        }
    }

    /// Whether this process made it, and not an ancestor.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Whether the outcome is there.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// The outcome, once it is there.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<T>> {
        self.outcome.get()
    }

    /// Fails where the job belongs to an ancestor of this process and has no outcome: none will come.
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

    /// Cancels. `true`: it had not ended yet, and its outcome is now [`Error::Cancelled`].
    pub fn cancel(&self) -> bool {
        if !self.is_ours() {
            return false;
        }
        // The outcome first: the work may end by itself as soon as it hears of it.
        let first = self.complete(Err(Error::Cancelled(format!(
            "{} was cancelled",
            self.spec.kind
        ))));
        self.cancel.cancel();
        first
    }

    /// Puts the outcome into the slot and wakes who waits. `false`: there was one already.
    pub(super) fn complete(&self, outcome: Result<T>) -> bool {
        let first = self.outcome.set(outcome).is_ok();
        if first && let Some(inbox) = &self.inbox {
            inbox.finished(self.id);
        }
        first
    }

    pub(super) fn begin(&self) {
        self.running.store(true, Ordering::Release);
    }

    /// The token that stops the work.
    #[must_use]
    pub fn token(&self) -> &CancelToken {
        &self.cancel
    }
}

/// What the work on a job gets to know.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job's id.
    pub id: u64,
    /// Cancelled when nobody wants the result any more.
    pub cancel: CancelToken,
}
