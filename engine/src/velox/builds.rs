//! The entry point of the builds of one process. A cached artifact is returned at once, also without a server; every
//! other request subscribes to a build. One object for each process.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    build::{
        Build,
        build_slots::BuildLimit,
        context::{BuildContext, BuildDirs},
        coordinator,
        leader_task::timeout_error,
        remote::RemoteBinaries,
    },
    flight::{
        BuildOutput, FlightId,
        inflight::{BuildTask, Inflight, Subscriber},
        progress::Progress,
    },
    keys::config_keys::ConfigKeys,
    protocol::request::BuildRequest,
};
use crate::{
    Error, Result,
    artifacts::{Artifact, CacheStatus, Location, Store},
    config::{VeloxSettings, duration},
    metrics::velox as metrics,
    runtime::CancellationToken,
};

/// The time that a subscriber waits beyond `build_timeout`, so that it gets the timeout error of the build itself.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// A subscription to a build that may not have started yet.
pub struct PendingBuild {
    build: Build,
    subscriber: Subscriber,
    /// Set if this process has no task for the configuration yet.
    task: Option<BuildTask>,
}

/// The builds of one process.
#[derive(Clone)]
pub struct Velox {
    pub(super) context: Arc<BuildContext>,
    pub(super) inflight: Arc<Inflight>,
}

impl Velox {
    /// Opens and starts nothing. `store` is `None` if the cache is off or can't be opened; builds work without it.
    /// `limit` returns the host's limit of concurrent builds.
    #[must_use]
    pub fn new(
        settings: VeloxSettings,
        store: Option<Arc<Store>>,
        dirs: BuildDirs,
        limit: BuildLimit,
    ) -> Self {
        Self {
            context: Arc::new(BuildContext::new(settings, store, dirs, limit)),
            inflight: Arc::default(),
        }
    }

    /// Asks `remote` for a binary before it is built, and offers what was built. Before the first build.
    #[must_use]
    pub fn with_remote(mut self, remote: Arc<dyn RemoteBinaries>) -> Self {
        if let Some(context) = Arc::get_mut(&mut self.context) {
            context.remote = Some(remote);
        }
        self
    }

    /// Parses and validates a request, and counts an invalid one.
    ///
    /// # Errors
    /// Like [`BuildRequest::from_json`].
    pub fn parse_request(value: &Value) -> Result<BuildRequest> {
        BuildRequest::from_json(value).inspect_err(|_| metrics::ERRORS.inc_for(&["validation"]))
    }

    /// As [`Velox::parse_request`], for a request that is not sent: without an id, its id is empty.
    ///
    /// # Errors
    /// Like [`BuildRequest::without_id`].
    pub fn parse_lookup(value: &Value) -> Result<BuildRequest> {
        BuildRequest::without_id(value).inspect_err(|_| metrics::ERRORS.inc_for(&["validation"]))
    }

    /// Subscribes to the build of a request, which [`Velox::status`] lists from here on. [`Velox::run`] starts it.
    /// Dropping the result unsubscribes. Runs on any thread.
    #[must_use]
    pub fn enqueue(&self, request: BuildRequest) -> PendingBuild {
        let build = Build {
            keys: ConfigKeys::of(&request),
            forced: request.force_rebuild,
            request: Arc::new(request),
        };
        let (subscriber, task) = self.inflight.subscribe(
            FlightId::of(&build.keys),
            build.forced,
            &build.request.request_id,
            &Progress::start(&build.request, &build.keys),
        );
        PendingBuild {
            build,
            subscriber,
            task,
        }
    }

    /// Runs a build, or waits for a running one of the host. Requires the runtime. Dropping or cancelling it
    /// unsubscribes; after the last subscriber of the host the request to the server is cancelled. Calls `progress` on
    /// the runtime with each change.
    ///
    /// # Errors
    /// Returns [`Error::Config`] without a server; [`Error::BuildFailed`] and [`Error::InvalidRequest`] if the server
    /// answers so; [`Error::Remote`], [`Error::Timeout`] (`build_timeout`), [`Error::QueueFull`],
    /// [`Error::Cancelled`], [`Error::Io`].
    pub async fn run(
        &self,
        pending: PendingBuild,
        cancel: &CancellationToken,
        progress: impl Fn(&Progress) + Send,
    ) -> Result<Artifact> {
        let PendingBuild {
            build,
            subscriber,
            task,
        } = pending;
        let request = Arc::clone(&build.request);
        if let Some(task) = task {
            tokio::spawn(coordinator::run(Arc::clone(&self.context), build, task));
        }
        let (limit, started) = (self.context.settings.build_timeout, Instant::now());
        let output = tokio::select! {
            biased;
            output = wait(subscriber, progress) => output?,
            () = cancel.cancelled() => {
                return Err(Error::Cancelled("the build was cancelled".into()));
            }
            () = tokio::time::sleep(limit + TIMEOUT_GRACE) => return Err(timeout_error(limit)),
        };
        if output.built {
            // One line for each request of a flight, with its own waiting time.
            log::info!(
                request_id = request.request_id,
                build_duration = duration::brief(started.elapsed()),
                bytes_written = output.record.size;
                "build completed"
            );
        }
        Ok(self.artifact(output, &request))
    }

    /// [`Velox::lookup_cached`], then [`Velox::run`] on a miss.
    ///
    /// # Errors
    /// Like [`Velox::run`].
    pub async fn build(
        &self,
        request: BuildRequest,
        cancel: &CancellationToken,
        progress: impl Fn(&Progress) + Send,
    ) -> Result<Artifact> {
        let (velox, own_request) = (self.clone(), request.clone());
        let hit = tokio::task::spawn_blocking(move || velox.lookup_cached(&own_request)).await;
        if let Ok(Some(artifact)) = hit {
            return Ok(artifact);
        }
        let pending = self.enqueue(request);
        self.run(pending, cancel, progress).await
    }

    /// Returns the artifact of a request. The file of another process' build may lie outside the own cache.
    fn artifact(&self, output: BuildOutput, request: &BuildRequest) -> Artifact {
        let cache = self.context.storage.cache();
        let is_cached = cache.is_some_and(|store| store.path(&output.record) == output.path);
        Artifact {
            record: output.record,
            location: if is_cached {
                Location::Cached
            } else {
                Location::temporary(output.path, request.config())
            },
            cache_status: if output.built {
                CacheStatus::Miss
            } else {
                CacheStatus::Hit
            },
        }
    }

    /// Removes expired outcomes and temporary binaries. Cheap if there are none; a periodic task of the host. May block
    /// on disk I/O. `now_ms` is Unix time.
    pub fn sweep(&self, now_ms: u64) {
        for flights in self.context.existing_flights() {
            flights.sweep(SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms));
        }
        self.context.storage.sweep(now_ms);
    }

    /// Lowers the limit of a binary's size.
    #[cfg(test)]
    pub(super) fn limit_binary_size(&mut self, max_size: u64) {
        if let Some(context) = Arc::get_mut(&mut self.context) {
            context.max_size = max_size;
        }
    }
}

/// Waits for the result of a build.
async fn wait(mut subscriber: Subscriber, progress: impl Fn(&Progress)) -> Result<BuildOutput> {
    loop {
        {
            let snapshot = subscriber.snapshots.borrow_and_update();
            if let Some(result) = &snapshot.result {
                return result.clone();
            }
            progress(&snapshot.progress);
        }
        if subscriber.snapshots.changed().await.is_err() {
            let snapshot = subscriber.snapshots.borrow();
            let closed = || Err(Error::State("the process is shutting down".into()));
            return snapshot.result.clone().unwrap_or_else(closed);
        }
    }
}
