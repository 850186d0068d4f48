//! Starts and stops the Tokio runtime of one process and spawns jobs on it. Called on PHP's threads; the work runs on
//! the runtime's. The fork generation and the factory come in from outside, so that the table in `mod.rs` is tested
//! without forking.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use super::fork_sockets::PollSetGuard;
use super::{CompletionQueue, Job, JobContext, RuntimeFactory, catch_unwind::CatchUnwind};
use crate::{Error, Result, descriptors, host::fork, threads};

/// Unfinished jobs of one process; beyond it [`Runtime::spawn`] returns [`Error::QueueFull`].
const MAX_JOBS: usize = 10_000;
/// Time that a cancelled job has for its cleanup before it is dropped.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// The runtime of one process and its jobs, each of which ends with a `T`.
pub struct Runtime<T> {
    factory: Box<dyn RuntimeFactory>,
    generation: u32,
    // Lock order: `state` before `jobs`. Neither is held while user code or a task runs.
    state: Mutex<RuntimeState>,
    jobs: Mutex<HashMap<u64, Arc<Job<T>>>>,
}

enum RuntimeState {
    NotStarted,
    Started(StartedRuntime),
    Stopped,
}

/// The fields are dropped in this order: a forked child must not take a closed descriptor for the runtime's.
struct StartedRuntime {
    #[cfg(target_os = "linux")]
    poll_sets: PollSetGuard,
    runtime: tokio::runtime::Runtime,
}

impl StartedRuntime {
    fn new(runtime: tokio::runtime::Runtime) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            poll_sets: PollSetGuard::new(&runtime),
            runtime,
        }
    }
}

impl<T: Send + Sync + 'static> Runtime<T> {
    /// Creates a runtime that has not started: no thread and no descriptor is made.
    #[must_use]
    pub fn new(factory: Box<dyn RuntimeFactory>) -> Self {
        Self {
            factory,
            generation: fork::generation(),
            state: Mutex::new(RuntimeState::NotStarted),
            jobs: Mutex::new(HashMap::new()),
        }
    }

    /// Whether the runtime's threads run.
    #[must_use]
    pub fn is_started(&self) -> bool {
        matches!(*self.state(), RuntimeState::Started(_))
    }

    /// Returns the jobs that have not ended.
    #[must_use]
    pub fn jobs(&self) -> Vec<Arc<Job<T>>> {
        self.table().values().cloned().collect()
    }

    /// Starts a job; starts the runtime if it is the first. Returns at once.
    ///
    /// # Errors
    /// [`Error::QueueFull`] with too many unfinished jobs, [`Error::State`] after [`Runtime::stop`] or in a forked
    /// child that still holds its parent's runtime, [`Error::Io`] if the system grants no thread.
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

    /// Spawns a task that is no job and runs until the runtime stops, such as the leader election and the Sentry
    /// sender. It is dropped at shutdown.
    ///
    /// # Errors
    /// The runtime can't start, as for [`Runtime::spawn`].
    pub fn spawn_background(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.handle()?.spawn(CatchUnwind::new(work));
        Ok(())
    }

    /// Cancels all jobs and joins the threads: usually within milliseconds, at most `timeout`. Later spawns fail.
    pub fn stop(&self, timeout: Duration) {
        let start = Instant::now();
        let state = std::mem::replace(&mut *self.state(), RuntimeState::Stopped);
        let RuntimeState::Started(started) = state else {
            return;
        };
        for job in self.jobs() {
            job.cancel();
        }
        #[cfg(target_os = "linux")]
        drop(started.poll_sets);
        started
            .runtime
            .shutdown_timeout(timeout.saturating_sub(start.elapsed()));
        for job in std::mem::take(&mut *self.table()).into_values() {
            job.cancel();
        }
    }

    /// Holds both locks during `meanwhile`, as another thread may at the moment of a fork.
    #[cfg(test)]
    pub(super) fn hold_locks<R>(&self, meanwhile: impl FnOnce() -> R) -> R {
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
                *state = RuntimeState::Started(StartedRuntime::new(runtime));
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

/// Runs one job to its end. A cancelled one gets [`CANCEL_GRACE`] for its cleanup.
async fn run<T: Send + Sync + 'static>(
    guard: JobGuard<T>,
    work: impl Future<Output = Result<T>> + Send + 'static,
) {
    let job = Arc::clone(&guard.job);
    descriptors::reserve_stdio();
    job.begin();
    let mut work = Box::pin(CatchUnwind::new(work));
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
            job.complete(Err(threads::error_from_panic(panic)));
        }
        // Cancelled: `cancel` has set the outcome.
        None => {}
    }
    drop(guard);
}

/// Removes the job from the table when its task ends, also if the runtime drops the task.
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
