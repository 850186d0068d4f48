//! Answers build requests: checks, looks into the store, and has built what is not there; one build of a
//! configuration at a time, so many at once, so many in the queue. A build runs in a task of its own;
//! the caller's future only waits, and dropping it stops the build.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::build::{
    Options,
    active_builds::{ActiveBuild, ActiveBuilds},
    builder::Builder,
    cache::BuildCache,
    cancellation::{CallerGuard, StopReason, StopSignal},
    configuration::Configuration,
    failure::Failure,
    progress::{Progress, State},
    rpc::protocol::{BuildAnswer, BuildRequest, CACHED, Code, Platform, Refusal},
    toolchain::go::Go,
    validate::{self, Policy},
};

use crate::http::Shutdown;
use pillion_engine::config::duration;

/// The builds of a server.
#[derive(Debug)]
pub(super) struct Builds {
    options: Options,
    builder: Builder,
    pub(super) active: Arc<ActiveBuilds>,
    slots: Semaphore,
    waiting: AtomicUsize,
    shutdown: Shutdown,
}

impl Builds {
    /// Nothing is built yet. `shutdown` turns true when the server ends.
    pub(super) fn new(options: Options, keep: Arc<BuildCache>, shutdown: Shutdown) -> Self {
        Self {
            builder: Builder::new(options.dir.join("work"), keep),
            active: Arc::default(),
            slots: Semaphore::new(options.max_builds.max(1)),
            waiting: AtomicUsize::new(0),
            options,
            shutdown,
        }
    }

    /// Answers one request; `deadline` is what the client allows. Dropping the future stops the build.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) async fn build(
        self: &Arc<Self>,
        request: BuildRequest,
        deadline: Option<Duration>,
    ) -> Result<BuildAnswer, Refusal> {
        let policy = Policy {
            local_replaces: self.options.allow_local_replaces,
        };
        let violations = validate::check(&request, policy);
        if !violations.is_empty() {
            return Err(Refusal::invalid(violations));
        }
        let (id, force) = (request.request_id.clone(), request.force_rebuild);
        let configuration = Configuration::new(request, &host_platform());
        let fingerprint = configuration.fingerprint();
        let busy = || {
            let message = format!("build {} is already in progress", configuration.hash());
            Refusal::new(Code::AlreadyExists, message)
        };
        if self.active.has(&fingerprint) {
            return Err(busy());
        }
        if !force && let Some(answer) = self.kept(&configuration) {
            return Ok(answer);
        }
        let flight = self.active.begin(fingerprint, &id).ok_or_else(busy)?;
        // It may have landed since the first look.
        if !force && let Some(answer) = self.kept(&configuration) {
            flight.progress.enter(State::Done);
            return Ok(answer);
        }
        let (waiter, mut stop) = CallerGuard::new(self.shutdown.clone());
        if let Some(deadline) = deadline {
            stop.limit(deadline, StopReason::ClientDeadline);
        }
        log::info!(request_id = id, hash = configuration.hash(); "build requested");
        let builds = Arc::clone(self);
        let outcome = tokio::spawn(async move { builds.fly(flight, configuration, stop).await });
        let outcome = outcome.await;
        drop(waiter);
        outcome.unwrap_or_else(|error| {
            let message = format!("the build's task ended abnormally: {error}");
            Err(Refusal::internal(message))
        })
    }

    fn kept(&self, configuration: &Configuration) -> Option<BuildAnswer> {
        let path = self.builder.keep.find(configuration)?;
        Some(BuildAnswer {
            path: path.to_string_lossy().into_owned(),
            logs: CACHED.to_owned(),
        })
    }

    /// One build, from the queue to its line in the log.
    async fn fly(
        &self,
        flight: ActiveBuild,
        configuration: Configuration,
        mut stop: StopSignal,
    ) -> Result<BuildAnswer, Refusal> {
        let (id, hash) = (flight.id.as_str(), configuration.hash());
        let (progress, started) = (&flight.progress, Instant::now());
        let outcome = self.run(&configuration, progress, &mut stop).await;
        let outcome = outcome.map_err(Failure::refusal);
        let build_duration = duration::brief(started.elapsed());
        match &outcome {
            Ok(answer) => {
                progress.enter(State::Done);
                let path = answer.path.as_str();
                log::info!(request_id = id, hash, build_duration, path; "build completed");
            }
            Err(refusal) => {
                refusal.message.lines().for_each(|line| progress.line(line));
                progress.enter(State::Failed);
                let error = refusal.message.as_str();
                log::warn!(request_id = id, hash, build_duration, error; "build failed");
            }
        }
        outcome
    }

    async fn run(
        &self,
        configuration: &Configuration,
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<BuildAnswer, Failure> {
        let _slot = self.slot(stop).await?;
        stop.limit(self.options.build_timeout, StopReason::TooLong);
        // Looked for each time: who installs Go need not start the server anew.
        let go = Go::find(&self.options.environment, &self.options.dir);
        let built = self.builder.build(configuration, go, progress, stop);
        Ok(BuildAnswer {
            path: built.await?.to_string_lossy().into_owned(),
            logs: progress.log(),
        })
    }

    async fn slot(&self, stop: &mut StopSignal) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let waiting = Counted::new(&self.waiting);
        if waiting.before >= self.options.max_queued {
            let message = format!(
                "{} builds run and {} wait, which is all that this build server takes; ask again later",
                self.options.max_builds, self.options.max_queued
            );
            return Err(Failure::Refused(Refusal::new(Code::Unavailable, message)));
        }
        tokio::select! {
            slot = self.slots.acquire() => slot.map_err(|_| Failure::Stopped(StopReason::Shutdown)),
            why = stop.stopped() => Err(Failure::Stopped(why)),
        }
    }
}

/// Counts up for as long as it lives.
struct Counted<'a> {
    counter: &'a AtomicUsize,
    before: usize,
}

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        Self { counter, before }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// This machine in Go's words.
fn host_platform() -> Platform {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    };
    Platform {
        os: os.to_owned(),
        arch: arch.to_owned(),
    }
}
