//! Starting and stopping the Tokio runtime of one process, and spawning jobs on it. Called by PHP's
//! threads; the work runs on the runtime's. Process id and factory come in from outside, so that the
//! table of states in `mod.rs` is tested without forking.

use std::{
    collections::HashMap,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use super::fork_sockets::Watched;
use super::{
    CompletionQueue, Job, JobContext,
    signals::{self, Blocked},
};
use crate::{Error, Result, descriptors, host::fork, threads};

/// Jobs that may be under way in one process; more are refused with [`Error::QueueFull`].
const MAX_JOBS: usize = 10_000;
/// How long a cancelled job may tidy up before it is dropped.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// The sizes of a runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeOptions {
    /// Worker threads, 1 or more.
    pub threads: usize,
    /// Threads for work that blocks (file copies, locks).
    pub blocking_threads: usize,
}

/// Makes the Tokio runtime; tests put their own in.
pub trait Factory: Send + Sync {
    /// Builds it, with threads that no signal of PHP's reaches.
    ///
    /// # Errors
    /// The system gives no thread or descriptor.
    fn build(&self) -> io::Result<tokio::runtime::Runtime>;
}

/// The factory outside of tests.
#[derive(Debug, Clone, Copy)]
pub struct TokioFactory(pub RuntimeOptions);

impl Factory for TokioFactory {
    fn build(&self) -> io::Result<tokio::runtime::Runtime> {
        // Threads inherit the mask of their maker, so there is no moment without it.
        let _blocked = Blocked::new();
        descriptors::hold_standard();
        // Tokio panics for want of a thread, and waits for ever for those that it has started by then. One more is for
        // work that blocks.
        threads::check(self.0.threads.max(1) + 1)?;
        threads::starting(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(self.0.threads.max(1))
                .max_blocking_threads(self.0.blocking_threads.max(1))
                .thread_name("pillion")
                .thread_keep_alive(Duration::from_secs(5))
                .on_thread_start(signals::block_for_good)
                .enable_io()
                .enable_time()
                .build()
        })?
    }
}

/// The runtime of one process and its jobs, each of which ends with a `T`.
pub struct Runtime<T> {
    factory: Box<dyn Factory>,
    generation: u32,
    // Lock order: `state` before `jobs`. Neither is held while user code or a task runs.
    state: Mutex<RuntimeState>,
    jobs: Mutex<HashMap<u64, Arc<Job<T>>>>,
}

enum RuntimeState {
    NotStarted,
    Started(Started),
    Stopped,
}

/// In this order they are dropped as well: forked children must not take a closed descriptor for ours.
struct Started {
    #[cfg(target_os = "linux")]
    watched: Watched,
    runtime: tokio::runtime::Runtime,
}

impl Started {
    fn new(runtime: tokio::runtime::Runtime) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            watched: Watched::new(&runtime),
            runtime,
        }
    }
}

impl<T: Send + Sync + 'static> Runtime<T> {
    /// A runtime that has not started. No thread and no descriptor is made.
    #[must_use]
    pub fn new(factory: Box<dyn Factory>) -> Self {
        Self {
            factory,
            generation: fork::generation(),
            state: Mutex::new(RuntimeState::NotStarted),
            jobs: Mutex::new(HashMap::new()),
        }
    }

    /// Whether its threads run.
    #[must_use]
    pub fn is_started(&self) -> bool {
        matches!(*self.state(), RuntimeState::Started(_))
    }

    /// Jobs that have not ended.
    #[must_use]
    pub fn jobs(&self) -> Vec<Arc<Job<T>>> {
        self.table().values().cloned().collect()
    }

    /// Starts a job; starts the runtime where it is the first. Returns at once.
    ///
    /// # Errors
    /// [`Error::QueueFull`] with too many jobs under way, [`Error::State`] after [`Runtime::stop`]
    /// or in a forked child that still holds its parent's runtime, [`Error::Io`] where the system
    /// gives no thread.
    pub fn spawn<F, Fut>(
        self: &Arc<Self>,
        kind: &'static str,
        completions: Option<Arc<CompletionQueue>>,
        work: F,
    ) -> Result<Arc<Job<T>>>
    where
        F: FnOnce(JobContext) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let handle = self.handle()?;
        let job = Arc::new(Job::new(kind, completions));
        {
            let mut table = self.table();
            if table.len() >= MAX_JOBS {
                return Err(Error::QueueFull(format!(
                    "{MAX_JOBS} jobs are under way in this process"
                )));
            }
            table.insert(job.id(), Arc::clone(&job));
        }
        let work = work(JobContext {
            id: job.id(),
            cancel: job.token().clone(),
        });
        handle.spawn(run(JobGuard::new(self, &job), work));
        Ok(job)
    }

    /// Runs something beside the jobs for as long as the runtime lives: the steward's watch, the log
    /// writer. It is dropped at shutdown.
    ///
    /// # Errors
    /// The runtime can't start, as for [`Runtime::spawn`].
    pub fn spawn_background(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.handle()?.spawn(CatchUnwind(Box::pin(work)));
        Ok(())
    }

    /// Stops: jobs are cancelled, except those that may finish, and the threads are joined. Takes
    /// milliseconds as a habit, and at most `ceiling`. Later spawns fail.
    pub fn stop(&self, ceiling: Duration) {
        let start = Instant::now();
        let state = std::mem::replace(&mut *self.state(), RuntimeState::Stopped);
        let RuntimeState::Started(started) = state else {
            return;
        };
        for job in self.jobs() {
            job.cancel();
        }
        #[cfg(target_os = "linux")]
        drop(started.watched);
        started
            .runtime
            .shutdown_timeout(ceiling.saturating_sub(start.elapsed()));
        for job in std::mem::take(&mut *self.table()).into_values() {
            job.cancel();
        }
    }

    /// Both locks, as another thread may hold them in the moment of a fork.
    #[cfg(test)]
    pub(super) fn hold<R>(&self, meanwhile: impl FnOnce() -> R) -> R {
        let _locks = (self.state(), self.table());
        meanwhile()
    }

    fn handle(&self) -> Result<tokio::runtime::Handle> {
        if self.generation != fork::generation() {
            return Err(Error::State(
                "the runtime belongs to the parent process".into(),
            ));
        }
        let mut state = self.state();
        match &*state {
            RuntimeState::Started(started) => Ok(started.runtime.handle().clone()),
            RuntimeState::Stopped => Err(Error::State("the process is shutting down".into())),
            RuntimeState::NotStarted => {
                let runtime = self
                    .factory
                    .build()
                    .map_err(|source| Error::io("starting the runtime's threads", source))?;
                let handle = runtime.handle().clone();
                *state = RuntimeState::Started(Started::new(runtime));
                Ok(handle)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, RuntimeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, Arc<Job<T>>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one job to its end. A cancelled one gets a moment to tidy up.
async fn run<T: Send + Sync + 'static>(
    ending: JobGuard<T>,
    work: impl Future<Output = Result<T>> + Send + 'static,
) {
    let job = Arc::clone(&ending.job);
    descriptors::hold_standard();
    job.begin();
    let mut work = Box::pin(CatchUnwind(Box::pin(work)));
    let outcome = tokio::select! {
        biased;
        outcome = &mut work => Some(outcome),
        () = job.token().cancelled() => {
            tokio::time::timeout(CANCEL_GRACE, work).await.ok()
        }
    };
    match outcome {
        Some(Ok(outcome)) => {
            job.complete(outcome);
        }
        Some(Err(panic)) => {
            if !threads::is_refusal(&panic) {
                log::error!(job = job.id(), kind = job.kind(), message = panic.as_str(); "job panicked");
            }
            job.complete(Err(threads::error_of(panic)));
        }
        // Cancelled: `cancel` has set the outcome.
        None => {}
    }
    drop(ending);
}

/// Takes the job out of the table when its task ends, also when the runtime drops the task.
struct JobGuard<T: Send + Sync + 'static> {
    runtime: Arc<Runtime<T>>,
    job: Arc<Job<T>>,
}

impl<T: Send + Sync + 'static> JobGuard<T> {
    fn new(runtime: &Arc<Runtime<T>>, job: &Arc<Job<T>>) -> Self {
        Self {
            runtime: Arc::clone(runtime),
            job: Arc::clone(job),
        }
    }
}

impl<T: Send + Sync + 'static> Drop for JobGuard<T> {
    fn drop(&mut self) {
        self.runtime.table().remove(&self.job.id());
        self.job.complete(Err(Error::Cancelled(
            "the process ended before the job did".into(),
        )));
    }
}

/// A future whose panic is an error with the panic's message.
struct CatchUnwind<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The future is dropped after a panic and never polled again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(Err(threads::message(&*payload))),
        }
    }
}
