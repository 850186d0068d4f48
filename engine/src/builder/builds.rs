//! Who builds what at this moment: one build of a configuration at a time, so many at once, so many in
//! the queue, and the progress of each for a while after its end. A build runs in a task of its own; the
//! caller's future only waits, and dropping it stops the build.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{Semaphore, watch};

use super::{
    Options,
    configuration::Configuration,
    failure::Failure,
    go::Go,
    keep::Keep,
    pipeline::Workshop,
    progress::{Progress, Report, State},
    protocol::{BuildAnswer, BuildRequest, CACHED, Code, Platform, Refusal},
    stop::{Stop, Waiter, Why},
    toolchain::Targets,
    validate::{self, Policy},
};

/// How long the progress of an ended build can still be asked for.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// The most builds whose progress is remembered.
const REMEMBERED_MOST: usize = 1000;

/// All builds of a server.
#[derive(Debug)]
pub(super) struct Builds {
    options: Options,
    workshop: Workshop,
    slots: Semaphore,
    waiting: AtomicUsize,
    state: Mutex<Table>,
    shutdown: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Table {
    /// Fingerprints of what is being built.
    in_flight: Vec<String>,
    /// By request id; with the moment of the end.
    progress: HashMap<String, (Arc<Progress>, Option<Instant>)>,
}

impl Builds {
    /// Nothing is built yet. `shutdown` turns true when the server ends.
    pub(super) fn new(options: Options, shutdown: watch::Receiver<bool>) -> Self {
        let keep = Keep::new(&options.dir, options.keep);
        let workshop = Workshop {
            work: options.dir.join("work"),
            keep,
            targets: Targets::default(),
        };
        let slots = Semaphore::new(options.max_builds);
        Self {
            options,
            workshop,
            slots,
            waiting: AtomicUsize::new(0),
            state: Mutex::default(),
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
        let busy = || {
            Refusal::new(
                Code::AlreadyExists,
                format!("build {} is already in progress", configuration.hash()),
            )
        };
        if self.is_in_flight(&configuration) {
            return Err(busy());
        }
        if !force && let Some(answer) = self.kept(&configuration) {
            return Ok(answer);
        }
        let flight = Flight::begin(self, &configuration, &id).ok_or_else(busy)?;
        // It may have landed since the first look.
        if !force && let Some(answer) = self.kept(&configuration) {
            flight.progress.enter(State::Done);
            return Ok(answer);
        }
        let (waiter, mut stop) = Waiter::new(self.shutdown.clone());
        if let Some(deadline) = deadline {
            stop.limit(deadline, Why::ClientDeadline);
        }
        log::info!(request_id = id.as_str(), hash = configuration.hash().as_str(); "build_requested");
        let task = tokio::spawn(async move { flight.fly(configuration, stop).await });
        let outcome = task.await;
        waiter.served();
        outcome.unwrap_or_else(|error| {
            Err(Refusal::internal(format!(
                "the build task ended abnormally: {error}"
            )))
        })
    }

    /// The progress of a build by its request's id.
    pub(super) fn report(&self, id: &str) -> Option<Report> {
        let progress = self
            .table()
            .progress
            .get(id)
            .map(|(progress, _)| Arc::clone(progress))?;
        Some(progress.report())
    }

    /// Builds that run or wait.
    pub(super) fn in_flight(&self) -> usize {
        self.table().in_flight.len()
    }

    /// Forgets old progress and removes old binaries. Blocks on the file system.
    pub(super) fn clean(&self) {
        self.table()
            .progress
            .retain(|_, (_, ended)| ended.is_none_or(|at| at.elapsed() < REMEMBERED));
        self.workshop.keep.clean(SystemTime::now());
    }

    fn kept(&self, configuration: &Configuration) -> Option<BuildAnswer> {
        let path = self.workshop.keep.find(configuration, SystemTime::now())?;
        Some(BuildAnswer {
            path: path.to_string_lossy().into_owned(),
            logs: CACHED.to_owned(),
        })
    }

    fn is_in_flight(&self, configuration: &Configuration) -> bool {
        self.table()
            .in_flight
            .contains(&configuration.fingerprint())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(
        &self,
        configuration: &Configuration,
        progress: &Progress,
        stop: &mut Stop,
    ) -> Result<BuildAnswer, Failure> {
        let _slot = self.slot(stop).await?;
        stop.limit(self.options.build_timeout, Why::TooLong);
        let go = Go::find(self.options.environment.iter().cloned(), &self.options.dir);
        let path = self
            .workshop
            .build(configuration, go, progress, stop)
            .await?;
        Ok(BuildAnswer {
            path: path.to_string_lossy().into_owned(),
            logs: progress.log(),
        })
    }

    async fn slot(&self, stop: &mut Stop) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
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
            slot = self.slots.acquire() => slot.map_err(|_| Failure::Stopped(Why::Shutdown)),
            why = stop.asked_for() => Err(Failure::Stopped(why)),
        }
    }
}

/// A build's place in the table, given back when it is dropped.
struct Flight {
    builds: Arc<Builds>,
    fingerprint: String,
    id: String,
    progress: Arc<Progress>,
}

impl Flight {
    /// `None`: the same configuration is being built.
    fn begin(builds: &Arc<Builds>, configuration: &Configuration, id: &str) -> Option<Self> {
        let fingerprint = configuration.fingerprint();
        let progress = Arc::new(Progress::new(id));
        let mut table = builds.table();
        if table.in_flight.contains(&fingerprint) {
            return None;
        }
        if table.progress.len() >= REMEMBERED_MOST {
            table.progress.retain(|_, (_, ended)| ended.is_none());
        }
        table.in_flight.push(fingerprint.clone());
        table
            .progress
            .insert(id.to_owned(), (Arc::clone(&progress), None));
        drop(table);
        Some(Self {
            builds: Arc::clone(builds),
            fingerprint,
            id: id.to_owned(),
            progress,
        })
    }

    async fn fly(
        self,
        configuration: Configuration,
        mut stop: Stop,
    ) -> Result<BuildAnswer, Refusal> {
        let started = Instant::now();
        let outcome = self
            .builds
            .run(&configuration, &self.progress, &mut stop)
            .await;
        let outcome = outcome.map_err(Failure::refusal);
        let (id, hash) = (self.id.as_str(), configuration.hash());
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        match &outcome {
            Ok(answer) => {
                self.progress.enter(State::Done);
                log::info!(request_id = id, hash = hash.as_str(), seconds = seconds.as_str(), path = answer.path.as_str(); "build_done");
            }
            Err(refusal) => {
                for line in refusal.message.lines() {
                    self.progress.line(line);
                }
                self.progress.enter(State::Failed);
                let error = refusal.message.as_str();
                log::warn!(request_id = id, hash = hash.as_str(), seconds = seconds.as_str(), error = error; "build_failed");
            }
        }
        outcome
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut table = self.builds.table();
        table.in_flight.retain(|other| *other != self.fingerprint);
        if let Some((progress, ended)) = table.progress.get_mut(&self.id)
            && Arc::ptr_eq(progress, &self.progress)
        {
            *ended = Some(Instant::now());
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
        Self {
            counter,
            before: counter.fetch_add(1, Ordering::Relaxed),
        }
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
