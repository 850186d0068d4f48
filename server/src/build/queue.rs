//! Answers build requests: validates, looks into the cache, and builds a miss. One build of a configuration runs at a
//! time, `max_builds` run at once, `max_queued` wait. A build runs in a task of its own; dropping the caller's future
//! stops it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::{
    config::duration,
    velox::{BuildRequest, Platform},
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::{
    active_builds::{ActiveBuild, ActiveBuilds},
    build_cache::BuildCache,
    builder::Builder,
    cancellation::{StopReason, StopSignal},
    configuration::Configuration,
    error::BuildError,
    options::Options,
    progress::{BuildState, Progress},
    rpc::{
        error::{ErrorCode, RpcError},
        messages::{BuildResponse, CACHED_LOGS},
    },
    toolchain::go::Go,
    validate::{self, Policy},
};

/// The builds of a server.
#[derive(Debug)]
pub(super) struct BuildQueue {
    options: Options,
    builder: Builder,
    pub(super) active: Arc<ActiveBuilds>,
    slots: Semaphore,
    /// Places in the queue.
    waiting: Semaphore,
    shutdown: CancellationToken,
}

impl BuildQueue {
    /// An empty queue. `shutdown` stops all builds.
    pub(super) fn new(
        options: Options,
        cache: Arc<BuildCache>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            builder: Builder::new(options.dir.join("work"), cache),
            active: Arc::default(),
            slots: Semaphore::new(options.max_builds.max(1)),
            waiting: Semaphore::new(options.max_queued.min(Semaphore::MAX_PERMITS)),
            options,
            shutdown,
        }
    }

    /// Answers one request. `deadline` is the client's own. Dropping the future stops the build.
    ///
    /// # Errors
    /// The error for the client.
    pub(super) async fn build(
        self: &Arc<Self>,
        request: BuildRequest,
        deadline: Option<Duration>,
    ) -> Result<BuildResponse, RpcError> {
        let policy = Policy {
            local_replaces: self.options.allow_local_replaces,
        };
        let violations = validate::check(&request, policy);
        if !violations.is_empty() {
            return Err(RpcError::invalid(violations));
        }
        let (id, force) = (request.request_id.clone(), request.force_rebuild);
        let configuration = Configuration::new(request, &Platform::host());
        let fingerprint = configuration.fingerprint();
        let in_progress = || {
            let message = format!("build {} is already in progress", configuration.hash());
            RpcError::new(ErrorCode::AlreadyExists, message)
        };
        if self.active.contains(&fingerprint) {
            return Err(in_progress());
        }
        if !force && let Some(response) = self.cached(&configuration) {
            return Ok(response);
        }
        let build = self
            .active
            .register(fingerprint, &id)
            .ok_or_else(in_progress)?;
        // Another build may have ended since the first lookup.
        if !force && let Some(response) = self.cached(&configuration) {
            build.progress.set_state(BuildState::Done);
            return Ok(response);
        }
        let caller = CancellationToken::new();
        let mut stop = StopSignal::new(caller.clone(), self.shutdown.clone());
        // Dropping this future cancels the token.
        let guard = caller.drop_guard();
        if let Some(deadline) = deadline {
            stop.add_deadline(deadline, StopReason::ClientDeadline);
        }
        log::info!(request_id = id, hash = configuration.hash(); "build requested");
        let queue = Arc::clone(self);
        let task = tokio::spawn(async move { queue.run(build, configuration, stop).await });
        let outcome = task.await;
        drop(guard);
        outcome.unwrap_or_else(|error| {
            let message = format!("the build's task ended abnormally: {error}");
            Err(RpcError::internal(message))
        })
    }

    fn cached(&self, configuration: &Configuration) -> Option<BuildResponse> {
        let path = self.builder.cache.find(configuration)?;
        Some(BuildResponse {
            path: path.to_string_lossy().into_owned(),
            logs: CACHED_LOGS.to_owned(),
        })
    }

    /// One build, from the queue to its log line.
    async fn run(
        &self,
        build: ActiveBuild,
        configuration: Configuration,
        mut stop: StopSignal,
    ) -> Result<BuildResponse, RpcError> {
        let (id, hash) = (build.request_id.as_str(), configuration.hash());
        let (progress, started) = (&build.progress, Instant::now());
        let outcome = self.run_in_turn(&configuration, progress, &mut stop).await;
        let outcome = outcome.map_err(BuildError::into_rpc);
        let build_duration = duration::brief(started.elapsed());
        match &outcome {
            Ok(response) => {
                progress.set_state(BuildState::Done);
                let path = response.path.as_str();
                log::info!(request_id = id, hash, build_duration, path; "build completed");
            }
            Err(error) => {
                let error = error.message.as_str();
                error.lines().for_each(|line| progress.push_line(line));
                progress.set_state(BuildState::Failed);
                log::warn!(request_id = id, hash, build_duration, error; "build failed");
            }
        }
        outcome
    }

    async fn run_in_turn(
        &self,
        configuration: &Configuration,
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<BuildResponse, BuildError> {
        let _slot = self.slot(stop).await?;
        stop.add_deadline(self.options.build_timeout, StopReason::BuildTimeout);
        // Looked up for each build, so that installing Go needs no restart of the server.
        let go = Go::find(&self.options.environment, &self.options.dir);
        let built = self.builder.build(configuration, go, progress, stop);
        Ok(BuildResponse {
            path: built.await?.to_string_lossy().into_owned(),
            logs: progress.log(),
        })
    }

    async fn slot(&self, stop: &mut StopSignal) -> Result<SemaphorePermit<'_>, BuildError> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            let message = format!(
                "the queue is full: {} builds run and {} wait; try again later",
                self.options.max_builds, self.options.max_queued
            );
            let error = RpcError::new(ErrorCode::Unavailable, message);
            return Err(BuildError::Failed(error));
        };
        tokio::select! {
            slot = self.slots.acquire() => slot.map_err(|_| BuildError::Stopped(StopReason::Shutdown)),
            reason = stop.stopped() => Err(BuildError::Stopped(reason)),
        }
    }
}
