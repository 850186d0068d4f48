//! All state of one PHP process: settings, runtime, directories, store, builds, Sentry. Each part is created when it is
//! first needed, so that a process that only reads the index starts no thread. The extension holds it behind one
//! pointer, which a forked child empties ([`crate::runtime`]). Called on PHP's threads; jobs hold the parts they use.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use once_cell::sync::OnceCell;

use crate::{
    Error, Result,
    artifacts::{Artifact, Store, StoreOptions},
    cache::{CachedValue, Policies, redis::SecondTier},
    config::{Capability, Resolved, Settings, duration},
    host::{DirOptions, Dirs, Presence},
    logging, metrics,
    runtime::{CompletionQueue, Job, JobContext, Runtime, RuntimeOptions, TokioFactory},
    threads::blocking,
    velox::{BuildDirs, BuildRequest, ConfigKeys, Velox},
    worker::WorkerRegistry,
};

mod application_metrics;
pub mod artifact_stats;
mod binary;
mod cache;
mod cache_cell;
mod cache_jobs;
mod cache_metrics;
mod delivery;
mod host_member;
mod metrics_page;
mod remote;
mod second_tier;
mod sentry;
mod status;
pub mod views;
mod workers;

use cache_cell::CacheCell;
use host_member::{HostMembership, STARTUP_PERIOD, build_limit};
use remote::Remote;
use sentry::SentryCell;
use views::RequestRate;

/// The result of a job.
#[derive(Debug, Clone)]
pub enum Value {
    /// A binary.
    Artifact(Artifact),
    /// JSON for PHP, such as the report of a cleanup.
    Report(serde_json::Value),
    /// Values of the shared cache, with their keys.
    Cached(Vec<CachedValue>),
}

/// The kind of a job that builds.
const BUILD_JOB: &str = "velox.build";

/// The environment variables at module start.
pub type Environment = HashMap<String, String>;

/// All state of one process, opened lazily. Shared by all PHP threads and jobs.
pub struct Engine {
    resolved: Resolved,
    mode: String,
    /// Whether it is the standing server, the preferred leader.
    is_server: bool,
    environment: Environment,
    runtime: Arc<Runtime<Value>>,
    dirs: OnceCell<Dirs>,
    store: OnceCell<Arc<Store>>,
    velox: OnceCell<Arc<Velox>>,
    /// `None` if the settings name none.
    remote: OnceCell<Option<Arc<Remote>>>,
    sentry: Arc<SentryCell>,
    cache: Arc<CacheCell>,
    /// `None` if the settings name none.
    second_tier: OnceCell<Option<Arc<SecondTier>>>,
    /// Whether values with the policy `warm` were read.
    is_warmed: AtomicBool,
    cache_policies: Policies,
    /// Builds without a cache, used while the cache can't be opened.
    uncached_builds: OnceCell<Arc<Velox>>,
    membership: OnceCell<HostMembership>,
    presence: OnceCell<Arc<Presence>>,
    /// `None` if it can't be opened, which was logged.
    registry: OnceCell<Option<Arc<WorkerRegistry>>>,
    request_rate: RequestRate,
}

impl Engine {
    /// Creates the state without opening any part. `mode` is the name of PHP's server API.
    #[must_use]
    pub fn new(resolved: Resolved, mode: &str, environment: Environment) -> Self {
        let threads = resolved.settings.runtime.threads;
        let cache = &resolved.settings.cache;
        Self {
            cache_policies: Policies::new(&cache.patterns, cache.hash_secret.as_ref()),
            resolved,
            mode: mode.to_owned(),
            is_server: false,
            environment,
            runtime: Arc::new(Runtime::new(Box::new(TokioFactory(RuntimeOptions {
                threads,
                blocking_threads: threads + 3,
            })))),
            dirs: OnceCell::new(),
            store: OnceCell::new(),
            velox: OnceCell::new(),
            remote: OnceCell::new(),
            sentry: Arc::default(),
            cache: Arc::default(),
            second_tier: OnceCell::new(),
            is_warmed: AtomicBool::new(false),
            uncached_builds: OnceCell::new(),
            membership: OnceCell::new(),
            presence: OnceCell::new(),
            registry: OnceCell::new(),
            request_rate: RequestRate::default(),
        }
    }

    /// Creates the state of the standing server of the host, as [`Engine::new`].
    #[must_use]
    pub fn of_server(resolved: Resolved, environment: Environment) -> Self {
        Self {
            is_server: true,
            ..Self::new(resolved, "serve", environment)
        }
    }

    /// The settings and their sources.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// Returns the host's directories.
    ///
    /// # Errors
    /// [`Error::Config`] if a directory that the settings name is not usable.
    pub fn dirs(&self) -> Result<&Dirs> {
        self.dirs.get_or_try_init(|| {
            self.check_capability(Capability::Host)?;
            let host = &self.settings().host;
            let dirs = Dirs::resolve(&DirOptions {
                state_dir: host.state_dir.clone(),
                run_dir: host.run_dir.clone(),
                group: host.group.clone(),
                env: &|name| self.environment.get(name).cloned(),
                temporary: self.temp_dir(),
                memory: "/dev/shm".into(),
            })?;
            for warning in &dirs.warnings {
                log::warn!(reason = warning.as_str(); "unexpected directory permissions or location");
            }
            if let Err(error) = metrics::share(&dirs.run) {
                log::warn!(error:%; "metrics not shared with other processes");
            }
            Ok(dirs)
        })
    }

    /// `TMPDIR` at module start, else `/tmp`.
    fn temp_dir(&self) -> PathBuf {
        let named = self.environment.get("TMPDIR").map(PathBuf::from);
        named
            .filter(|dir| dir.is_absolute())
            .unwrap_or_else(|| "/tmp".into())
    }

    /// Returns the artifact store, or `None` if the cache is switched off.
    ///
    /// # Errors
    /// The cache directory can't be opened.
    #[inline]
    pub fn store(&self) -> Result<Option<&Arc<Store>>> {
        match self.store.get() {
            Some(store) => Ok(Some(store)),
            None => self.open_store(),
        }
    }

    #[cold]
    fn open_store(&self) -> Result<Option<&Arc<Store>>> {
        self.check_capability(Capability::Velox)?;
        let cache = &self.settings().velox.cache;
        if !cache.enabled {
            return Ok(None);
        }
        self.store
            .get_or_try_init(|| {
                let dirs = self.dirs()?;
                let mut options = StoreOptions::new(cache.dir.resolve(&dirs.state), &dirs.run);
                options.group = dirs.group();
                options.max_entries = cache.max_entries.try_into().unwrap_or(u32::MAX);
                options.max_size = cache.max_size_bytes;
                options.ttl = cache.ttl;
                Store::open(options).map(Arc::new)
            })
            .map(Some)
    }

    /// Returns the build client.
    ///
    /// # Errors
    /// A setting of `velox` or a directory is not usable.
    pub fn velox(&self) -> Result<&Arc<Velox>> {
        if let Some(velox) = self.velox.get() {
            return Ok(velox);
        }
        self.check_capability(Capability::Velox)?;
        let dirs = self.dirs()?;
        match self.store() {
            Ok(store) => Ok(self.velox.get_or_init(|| self.create_velox(dirs, store))),
            // The cause may be a full disk: the next build tries again, and no build fails because of it.
            Err(error) => Ok(self.uncached_builds.get_or_init(|| {
                log::warn!(error = error.to_string().as_str(); "artifact cache not usable");
                self.create_velox(dirs, None)
            })),
        }
    }

    fn create_velox(&self, dirs: &Dirs, store: Option<&Arc<Store>>) -> Arc<Velox> {
        let own_limit = self.settings().velox.max_concurrent_builds;
        let velox = Velox::new(
            self.settings().velox.clone(),
            store.map(Arc::clone),
            BuildDirs {
                run_dir: dirs.run.clone(),
                temporary_dir: dirs.state.join("builds"),
            },
            Arc::new(build_limit(
                dirs.run.join("presence"),
                own_limit,
                STARTUP_PERIOD,
            )),
        );
        Arc::new(match self.remote_binaries() {
            Some(remote) => velox.with_remote(remote),
            None => velox,
        })
    }

    /// Looks up the artifact of a configuration in the index only.
    ///
    /// # Errors
    /// As [`Engine::store`].
    pub fn find(&self, configuration: &ConfigKeys) -> Result<Option<Artifact>> {
        Ok(self
            .store()?
            .and_then(|store| configuration.lookup(store))
            .map(Artifact::hit))
    }

    /// Starts a build. A cache hit returns a finished job and starts no thread.
    ///
    /// # Errors
    /// No server is configured, the process is shutting down, or too many jobs are under way.
    pub fn build(
        &self,
        request: BuildRequest,
        timeout: Option<Duration>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        match self.velox()?.lookup_cached(&request) {
            Some(artifact) => {
                let built = Ok(Value::Artifact(artifact));
                Ok(Job::ready(BUILD_JOB, completions, built))
            }
            None => self.start_build(request, timeout, completions),
        }
    }

    /// Starts a build without a lookup.
    fn start_build(
        &self,
        request: BuildRequest,
        timeout: Option<Duration>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        let velox = Arc::clone(self.velox()?);
        if self.settings().velox.server_url.is_none() && self.remote().is_none() {
            return Err(Error::Config(
                "velox.server_url is not set; set it to the URL of a Velox build server".into(),
            ));
        }
        let pending = velox.enqueue(request);
        self.spawn(BUILD_JOB, completions, |context| async move {
            let building = velox.run(pending, &context.cancel, |_| ());
            let built = match timeout {
                Some(limit) => tokio::time::timeout(limit, building).await.map_err(|_| {
                    let limit = duration::format(limit);
                    Error::Timeout(format!("build exceeded {limit} timeout"))
                })?,
                None => building.await,
            };
            built.map(Value::Artifact)
        })
    }

    /// Runs blocking work of the store as a job.
    ///
    /// # Errors
    /// The cache is off or can't be opened; or as [`Runtime::spawn`].
    pub fn with_store(
        &self,
        kind: &'static str,
        completions: Option<Arc<CompletionQueue>>,
        work: impl FnOnce(&Store, &JobContext) -> Result<Value> + Send + 'static,
    ) -> Result<Arc<Job<Value>>> {
        let store = Arc::clone(self.enabled_store()?);
        self.spawn(kind, completions, |context| async move {
            blocking(move || work(&store, &context)).await?
        })
    }

    /// Returns the store if the cache is on.
    ///
    /// # Errors
    /// [`Error::Config`] if it is off; or as [`Engine::store`].
    pub fn enabled_store(&self) -> Result<&Arc<Store>> {
        self.store()?.ok_or_else(|| {
            Error::Config("velox.cache.enabled is off; set it to on to use artifacts".into())
        })
    }

    fn spawn<F, Fut>(
        &self,
        kind: &'static str,
        completions: Option<Arc<CompletionQueue>>,
        work: F,
    ) -> Result<Arc<Job<Value>>>
    where
        F: FnOnce(JobContext) -> Fut,
        Fut: Future<Output = Result<Value>> + Send + 'static,
    {
        self.check_capability(Capability::Runtime)?;
        self.membership.get_or_try_init(|| self.join())?;
        self.runtime.spawn(kind, completions, work)
    }

    fn check_capability(&self, capability: Capability) -> Result<()> {
        match self.resolved.capability_off(capability) {
            Some(error) => Err(Error::Config(error.to_string())),
            None => Ok(()),
        }
    }

    /// Stops the process's work: jobs are cancelled, threads joined, locks released. Usually within milliseconds, at
    /// most `pillion.shutdown_timeout`.
    pub fn stop(&self) {
        let start = Instant::now();
        let timeout = self.settings().runtime.shutdown_timeout;
        self.stop_sentry(timeout);
        self.stop_second_tier(timeout.saturating_sub(start.elapsed()));
        self.stop_remote(timeout.saturating_sub(start.elapsed()));
        self.runtime.stop(timeout.saturating_sub(start.elapsed()));
        logging::stop_writer(Duration::from_millis(200));
    }
}
