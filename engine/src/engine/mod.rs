//! What one PHP process has of Pillion: settings, runtime, directories, store, builds. Everything in
//! it is made when it is first needed, so that a process which only asks the index starts no thread.
//! The extension holds it behind one pointer, which a forked child empties ([`crate::runtime`]).
//! Called on PHP's threads; jobs take what they need along.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use once_cell::sync::OnceCell;

use crate::{
    Error, Result,
    artifacts::{Artifact, Store, StoreOptions},
    config::{Resolved, Settings, duration},
    host::{DirOptions, Dirs, Presence},
    logging,
    runtime::{CompletionQueue, Job, JobContext, Runtime, RuntimeOptions, TokioFactory},
    threads::blocking,
    velox::{BuildDirs, ConfigKeys, Request, Velox},
    worker::WorkerRegistry,
};

pub mod artifact_stats;
mod binary;
mod host_member;
mod sentry;
mod status;
mod workers;

use host_member::{HostMembership, SETTLING, limit_of};
use sentry::SentryCell;

/// What a job ends with.
#[derive(Debug, Clone)]
pub enum Value {
    /// A binary.
    Artifact(Artifact),
    /// Figures, for a duty that PHP asked for.
    Report(serde_json::Value),
}

/// The environment as it was when the module started.
pub type Environment = HashMap<String, String>;

/// See the head of the file.
pub struct Engine {
    resolved: Resolved,
    mode: String,
    environment: Environment,
    runtime: Arc<Runtime<Value>>,
    dirs: OnceCell<Dirs>,
    store: OnceCell<Arc<Store>>,
    velox: OnceCell<Arc<Velox>>,
    sentry: Arc<SentryCell>,
    /// Builds without a cache, for as long as that can't be opened.
    uncached_builds: OnceCell<Arc<Velox>>,
    membership: OnceCell<HostMembership>,
    presence: OnceCell<Arc<Presence>>,
    /// `None`: it can't be had, and that was said.
    registry: OnceCell<Option<Arc<WorkerRegistry>>>,
}

impl Engine {
    /// A process that has done nothing yet. `mode` is the name of PHP's server API.
    #[must_use]
    pub fn new(resolved: Resolved, mode: &str, environment: Environment) -> Self {
        let threads = resolved.settings.runtime.threads;
        Self {
            resolved,
            mode: mode.to_owned(),
            environment,
            runtime: Arc::new(Runtime::new(Box::new(TokioFactory(RuntimeOptions {
                threads,
                blocking_threads: threads + 3,
            })))),
            dirs: OnceCell::new(),
            store: OnceCell::new(),
            velox: OnceCell::new(),
            sentry: Arc::default(),
            uncached_builds: OnceCell::new(),
            membership: OnceCell::new(),
            presence: OnceCell::new(),
            registry: OnceCell::new(),
        }
    }

    /// The settings, and where they came from.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// The host's directories.
    ///
    /// # Errors
    /// [`Error::Config`]: a directory that the settings name is not usable.
    pub fn dirs(&self) -> Result<&Dirs> {
        self.dirs.get_or_try_init(|| {
            self.check_capability("host")?;
            let host = &self.settings().host;
            let dirs = Dirs::resolve(&DirOptions {
                state_dir: host.state_dir.clone(),
                run_dir: host.run_dir.clone(),
                group: host.group.clone(),
                env: &|name| self.environment.get(name).cloned(),
                temporary: self.temporary(),
                memory: "/dev/shm".into(),
            })?;
            for warning in &dirs.warnings {
                log::warn!(reason = warning.as_str(); "directory not as it should be");
            }
            Ok(dirs)
        })
    }

    /// `TMPDIR` as it was when PHP started, else the system's.
    fn temporary(&self) -> PathBuf {
        let named = self.environment.get("TMPDIR").map(PathBuf::from);
        named
            .filter(|dir| dir.is_absolute())
            .unwrap_or_else(|| "/tmp".into())
    }

    /// The artifacts. `None` where the cache is switched off.
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
        self.check_capability("velox")?;
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

    /// The builds.
    ///
    /// # Errors
    /// The settings of `velox` are bad, or the directories are.
    pub fn velox(&self) -> Result<&Arc<Velox>> {
        if let Some(velox) = self.velox.get() {
            return Ok(velox);
        }
        self.check_capability("velox")?;
        let dirs = self.dirs()?;
        match self.store() {
            Ok(store) => Ok(self.velox.get_or_init(|| self.make_velox(dirs, store))),
            // It may be a full disk, and is tried again with the next build; no build fails for it.
            Err(error) => Ok(self.uncached_builds.get_or_init(|| {
                log::warn!(error = error.to_string().as_str(); "artifact cache not usable");
                self.make_velox(dirs, None)
            })),
        }
    }

    fn make_velox(&self, dirs: &Dirs, store: Option<&Arc<Store>>) -> Arc<Velox> {
        let asks = self.settings().velox.max_concurrent_builds;
        Arc::new(Velox::new(
            self.settings().velox.clone(),
            store.map(Arc::clone),
            BuildDirs {
                run_dir: dirs.run.clone(),
                temporary_dir: dirs.state.join("builds"),
            },
            Arc::new(limit_of(dirs.run.join("presence"), asks, SETTLING)),
        ))
    }

    /// Looks for an artifact of that configuration in the index alone.
    ///
    /// # Errors
    /// As [`Engine::store`].
    pub fn find(&self, request: &Request) -> Result<Option<Artifact>> {
        Ok(self
            .store()?
            .and_then(|store| ConfigKeys::of(request).lookup(store))
            .map(Artifact::hit))
    }

    /// Asks for a build. A hit is done at once and starts nothing.
    ///
    /// # Errors
    /// No server is configured, the process is shutting down, or too much is under way.
    pub fn build(
        &self,
        request: Request,
        timeout: Option<Duration>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        const KIND: &str = "velox.build";
        let velox = Arc::clone(self.velox()?);
        if let Some(artifact) = velox.lookup_cached(&request) {
            return Ok(Job::ready(KIND, completions, Ok(Value::Artifact(artifact))));
        }
        if self.settings().velox.server_url.is_none() {
            return Err(Error::Config(
                "velox.server_url is not set: nothing can be built; the URL of a Velox server would be right".into(),
            ));
        }
        let pending = velox.enqueue(request);
        self.spawn(KIND, completions, |context| async move {
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

    /// The store, where the cache is on.
    ///
    /// # Errors
    /// [`Error::Config`] where it is off; or as [`Engine::store`].
    pub fn enabled_store(&self) -> Result<&Arc<Store>> {
        self.store()?.ok_or_else(|| {
            Error::Config("velox.cache.enabled is off: there are no artifacts".into())
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
        self.check_capability("runtime")?;
        self.membership.get_or_try_init(|| self.join())?;
        self.runtime.spawn(kind, completions, work)
    }

    fn check_capability(&self, name: &str) -> Result<()> {
        match self.resolved.capability_off(name) {
            Some(problem) => Err(Error::Config(problem.to_string())),
            None => Ok(()),
        }
    }

    /// Ends it: jobs are aborted or handed over, threads are membership, locks released. Milliseconds as a
    /// habit, `pillion.shutdown_timeout` at most.
    pub fn stop(&self) {
        let begun = Instant::now();
        let ceiling = self.settings().runtime.shutdown_timeout;
        self.end_sentry(ceiling);
        self.runtime.stop(ceiling.saturating_sub(begun.elapsed()));
        logging::stop_writer(Duration::from_millis(200));
    }
}
