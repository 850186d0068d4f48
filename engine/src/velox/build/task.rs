//! Runs one build, from acquiring a slot to the stored binary. Runs on the runtime, as the one such task of its
//! configuration on the host; files are accessed on blocking threads. If it is dropped at any point, the connection is
//! closed, the copy stops, and the temporary file is removed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Build,
    attempt::Attempt,
    client::Client,
    context::BuildContext,
    error::{AttemptError, RetryReason},
    retry::{Jitter, backoff_ceiling, connect_backoff_ceiling},
    storage::Target,
};
use crate::velox::flight::{
    BuildOutput,
    progress::{Phase, Progress},
};
use crate::{Error, Result, config::duration, host::clock, metrics::velox as metrics};

/// The shortest pause before the server is asked again for a build that is in progress there.
const MIN_IN_PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Publishes the progress of a build.
pub(super) type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Runs the build. Calls `report` with each change of its progress.
pub(super) async fn run(
    context: &Arc<BuildContext>,
    build: &Build,
    mut progress: Progress,
    report: Report<'_>,
) -> Result<BuildOutput> {
    if !build.forced
        && let Some(output) = find_on_disk(context, build).await
    {
        return Ok(output);
    }
    let deadline = Instant::now() + context.settings.build_timeout;
    let client = context.client().await?;
    let mut jitter = Jitter::new();
    progress.phase = Phase::Queued;
    report(progress.clone());
    let _slot = context.acquire_slot(&mut jitter).await?;
    let started = Instant::now();
    let mut retries = Retries {
        context,
        build,
        deadline,
        jitter,
        force: build.forced,
        target: context.storage.target(&build.request),
        failed: 0,
        conflicts: 0,
        has_retried_once: false,
        has_forced_rebuild: false,
        has_made_space: false,
    };
    loop {
        progress.attempt += 1;
        progress.phase = Phase::Building;
        report(progress.clone());
        let attempt = retries.attempt(client, report, started);
        let error = match attempt.run(&progress).await {
            Ok(output) => {
                observe(build, &output, started);
                return Ok(output);
            }
            Err(error) => error,
        };
        if let Some((reason, pause)) = retries.handle(error, progress.attempt).await? {
            metrics::RETRIES.inc(&[reason]);
            progress.phase = Phase::Retrying;
            report(progress.clone());
            tokio::time::sleep(pause).await;
        }
    }
}

/// Returns the artifact from disk: another process may have stored it while this one waited.
async fn find_on_disk(context: &Arc<BuildContext>, build: &Build) -> Option<BuildOutput> {
    let (context, keys) = (Arc::clone(context), build.keys.clone());
    let find = move || {
        let store = context.storage.cache()?;
        match keys.lookup_disk(store, clock::unix_ms()) {
            Ok(record) => {
                let record = record?;
                let is_complete = store.open_binary(&record).is_ok_and(|file| file.is_some());
                let path = store.path(&record);
                is_complete.then_some(BuildOutput {
                    record,
                    path,
                    built: false,
                })
            }
            Err(error) => {
                log::warn!(cache_key:% = keys.key, error:%; "cache read failed");
                None
            }
        }
    };
    tokio::task::spawn_blocking(find).await.ok().flatten()
}

fn observe(build: &Build, output: &BuildOutput, started: Instant) {
    let platform = [build.request.os.as_str(), build.request.arch.as_str()];
    metrics::BUILD_DURATION.observe(&platform, started.elapsed().as_secs_f64());
    metrics::BINARY_SIZE.observe(&platform, output.record.size as f64);
}

/// The state of a build between its attempts.
struct Retries<'a> {
    context: &'a Arc<BuildContext>,
    build: &'a Build,
    deadline: Instant,
    jitter: Jitter,
    /// The next attempt asks the server for a fresh build.
    force: bool,
    /// The store for the binary of the next attempt.
    target: Target,
    failed: u32,
    conflicts: u32,
    has_retried_once: bool,
    has_forced_rebuild: bool,
    has_made_space: bool,
}

impl<'a> Retries<'a> {
    fn attempt(&self, client: &'a Client, report: Report<'a>, started: Instant) -> Attempt<'a> {
        Attempt {
            context: self.context,
            build: self.build,
            client,
            report,
            started,
            force: self.force,
            target: self.target,
        }
    }

    /// Decides on the next attempt: returns the reason and the pause before it, `None` if it follows at once, or the
    /// error that ends the build.
    async fn handle(
        &mut self,
        error: AttemptError,
        attempt: u32,
    ) -> Result<Option<(&'static str, Duration)>> {
        let (error, min_pause) = error.split_pause();
        let retry = &self.context.settings.retry;
        match error {
            AttemptError::Permanent(error) => Err(error),
            AttemptError::RetryAfter(..) => Err(Error::Internal("nested retry pause".into())),
            AttemptError::RetryOnce(error) => {
                if self.has_retried_once || retry.max_attempts < 2 {
                    return Err(error);
                }
                self.has_retried_once = true;
                let pause = self.jitter.equal(connect_backoff_ceiling(retry, 1));
                self.warn(attempt, RetryReason::Server, pause, &error);
                Ok(Some((RetryReason::Server.label(), pause)))
            }
            AttemptError::DiskFull(need, error) => {
                if !self.has_made_space && self.context.make_space(need).await {
                    self.has_made_space = true;
                    return Ok(None);
                }
                self.use_temporary_target(error)
            }
            AttemptError::Storage(error) => self.use_temporary_target(error),
            AttemptError::FileGone(error) => {
                if self.has_forced_rebuild {
                    return Err(error);
                }
                // The server's cache still lists the file; only a fresh build creates it again.
                log::warn!(request_id = self.build.request.request_id, error:%; "build retry");
                metrics::RETRIES.inc(&[RetryReason::Download.label()]);
                self.force = true;
                self.has_forced_rebuild = true;
                Ok(None)
            }
            AttemptError::InProgress => {
                self.conflicts += 1;
                let ceiling = backoff_ceiling(retry, self.conflicts).max(MIN_IN_PROGRESS_PAUSE);
                let pause = self
                    .jitter
                    .equal(ceiling)
                    .max(self.jitter.beyond(min_pause));
                Ok(Some(("in_progress", pause)))
            }
            AttemptError::Transient(reason, error) => {
                self.failed += 1;
                if self.failed >= retry.max_attempts {
                    return Err(exhausted(error, self.failed));
                }
                if self.deadline.saturating_duration_since(Instant::now()) < min_pause {
                    return Err(pause_too_long(error, min_pause));
                }
                let ceiling = match reason {
                    RetryReason::Connect => connect_backoff_ceiling(retry, self.failed),
                    RetryReason::Server | RetryReason::Download => {
                        backoff_ceiling(retry, self.failed)
                    }
                };
                let pause = self
                    .jitter
                    .equal(ceiling)
                    .max(self.jitter.beyond(min_pause));
                self.warn(self.failed, reason, pause, &error);
                Ok(Some((reason.label(), pause)))
            }
        }
    }

    /// Stores the binary outside the cache, unless that is what failed.
    fn use_temporary_target(&mut self, error: Error) -> Result<Option<(&'static str, Duration)>> {
        if self.target == Target::Temporary {
            return Err(error);
        }
        metrics::ERRORS.inc(&["cache_write"]);
        let (request, keys) = (&self.build.request, &self.build.keys);
        log::warn!(request_id = request.request_id, cache_key:% = keys.key, error:%; "cache write failed");
        self.target = Target::Temporary;
        Ok(None)
    }

    fn warn(&self, attempt: u32, reason: RetryReason, pause: Duration, error: &Error) {
        let (request_id, reason) = (self.build.request.request_id.as_str(), reason.label());
        log::warn!(request_id, attempt, reason, pause:% = duration::brief(pause), error:%; "build retry");
    }
}

fn pause_too_long(error: Error, pause: Duration) -> Error {
    match error {
        Error::Remote(message) => Error::Remote(format!(
            "{message} (the server asks for a pause of {}, which is longer than velox.build_timeout leaves)",
            duration::brief(pause)
        )),
        other => other,
    }
}

fn exhausted(error: Error, attempts: u32) -> Error {
    match error {
        Error::Remote(message) if attempts > 1 => {
            Error::Remote(format!("{message} (given up after {attempts} attempts)"))
        }
        other => other,
    }
}
