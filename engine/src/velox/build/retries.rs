//! Decides after a failed attempt: the next attempt, the pause before it, or the error that ends the build. Runs on the
//! runtime.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Build,
    attempt::{Attempt, Report},
    backoff::{backoff_ceiling, connect_backoff_ceiling},
    client::Client,
    context::BuildContext,
    error::{AttemptError, RetryReason},
    storage::Target,
};
use crate::backoff::Jitter;
use crate::{Error, Result, config::duration, metrics::velox as metrics};

/// The shortest pause before the server is asked again for a build that is in progress there.
const MIN_IN_PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// The state of a build between its attempts.
pub(super) struct Retries<'a> {
    context: &'a Arc<BuildContext>,
    build: &'a Build,
    deadline: Instant,
    jitter: Jitter,
    /// The next attempt asks the server for a fresh build.
    force: bool,
    /// The store for the binary of the next attempt.
    target: Target,
    /// Failed attempts, without those that found the build in progress.
    failed: u32,
    /// Attempts that found the build in progress at the server.
    conflicts: u32,
    has_retried_once: bool,
    has_forced_rebuild: bool,
    has_made_space: bool,
}

impl<'a> Retries<'a> {
    /// The state before the first attempt, which stores the binary in the preferred store.
    pub(super) fn new(
        context: &'a Arc<BuildContext>,
        build: &'a Build,
        deadline: Instant,
        jitter: Jitter,
    ) -> Self {
        Self {
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
        }
    }

    /// Returns the next attempt.
    pub(super) fn attempt(
        &self,
        client: &'a Client,
        report: Report<'a>,
        started: Instant,
    ) -> Attempt<'a> {
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
    pub(super) async fn handle(
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
                metrics::RETRIES.inc_for(&[RetryReason::Download.label()]);
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

    /// Switches to the temporary store, unless that is the one that failed.
    fn use_temporary_target(&mut self, error: Error) -> Result<Option<(&'static str, Duration)>> {
        if self.target == Target::Temporary {
            return Err(error);
        }
        metrics::ERRORS.inc_for(&["cache_write"]);
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
