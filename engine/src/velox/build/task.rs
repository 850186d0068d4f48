//! One build, from a free slot to a binary in its place. Runs on the runtime, as the one such task of
//! its configuration on the host; files are touched on blocking threads. Dropped at any point, it leaves
//! nothing behind: the connection is closed, the copy stops, the temporary file goes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    attempt::{Attempt, make_room},
    error::{Reason, Trouble},
    progress::{Phase, Progress},
    retry::{Jitter, ceiling, unreached_ceiling},
    storage::Shelf,
};
use crate::velox::{
    context::Inner, flight::Landed, keys::config_keys::Identity, protocol::request::Request,
};
use crate::{Error, Result, config::duration, host::clock, metrics::velox as metrics};

/// The least pause before asking again for a build that is in flight at the server.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// What is to be built, and how.
#[derive(Debug, Clone)]
pub(in crate::velox) struct Work {
    pub(in crate::velox) request: Arc<Request>,
    pub(in crate::velox) identity: Identity,
    pub(in crate::velox) forced: bool,
}

impl Work {
    /// Does it. `tell` is called with each change of how far it is.
    pub(in crate::velox) async fn run(
        &self,
        inner: &Arc<Inner>,
        mut progress: Progress,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Landed> {
        if !self.forced
            && let Some(landed) = self.already_there(inner).await
        {
            return Ok(landed);
        }
        let deadline = Instant::now() + inner.settings.build_timeout;
        let client = inner.client().await?;
        let mut jitter = Jitter::new();
        progress.phase = Phase::Queued;
        tell(progress.clone());
        let _slot = inner.slot(&mut jitter).await?;
        let begun = Instant::now();
        let mut attempt = Attempt {
            force: self.forced,
            shelf: inner.keeper.shelf(&self.request),
        };
        let (mut failed, mut conflicts) = (0, 0);
        let (mut asked_anew, mut doubted, mut roomy) = (false, false, false);
        loop {
            progress.attempt += 1;
            progress.phase = Phase::Building;
            tell(progress.clone());
            let trouble = match self
                .attempt(inner, client, attempt, begun, &progress, tell)
                .await
            {
                Ok(landed) => {
                    self.count(&landed, begun);
                    return Ok(landed);
                }
                Err(trouble) => trouble,
            };
            let (trouble, asked) = trouble.split();
            let retry = &inner.settings.retry;
            let (reason, pause) = match trouble {
                Trouble::Final(error) => return Err(error),
                Trouble::Doubtful(error) if doubted || retry.max_attempts < 2 => return Err(error),
                Trouble::Doubtful(error) => {
                    doubted = true;
                    let pause = jitter.equal(unreached_ceiling(retry, 1));
                    self.warn(progress.attempt, Reason::Server, pause, &error);
                    (Reason::Server.label(), pause)
                }
                Trouble::After(..) => return Err(Error::Internal("pause in a pause".into())),
                Trouble::Full(need, _) if !roomy && make_room(inner, need).await => {
                    roomy = true;
                    continue;
                }
                Trouble::Full(_, error) | Trouble::Unkept(error)
                    if attempt.shelf == Shelf::Cache =>
                {
                    metrics::ERRORS.inc(&["cache_write"]);
                    log::warn!(request_id = self.request.request_id, cache_key:% = self.identity.key, error:%; "cache write failed");
                    attempt.shelf = Shelf::Spare;
                    continue;
                }
                Trouble::Full(_, error) | Trouble::Unkept(error) => return Err(error),
                Trouble::Stale(error) if asked_anew => return Err(error),
                Trouble::Stale(error) => {
                    // The server's cache still names the file; only a fresh build brings it back.
                    log::warn!(request_id = self.request.request_id, error:%; "build retry");
                    metrics::RETRIES.inc(&[Reason::Download.label()]);
                    attempt.force = true;
                    asked_anew = true;
                    continue;
                }
                Trouble::Busy => {
                    conflicts += 1;
                    let most = ceiling(retry, conflicts).max(LEAST_PAUSE);
                    let pause = jitter.equal(most).max(jitter.beyond(asked));
                    ("in_progress", pause)
                }
                Trouble::Passing(reason, error) => {
                    failed += 1;
                    if failed >= retry.max_attempts {
                        return Err(exhausted(error, failed));
                    }
                    if deadline.saturating_duration_since(Instant::now()) < asked {
                        return Err(too_long(error, asked));
                    }
                    let most = match reason {
                        Reason::Connect => unreached_ceiling(retry, failed),
                        Reason::Server | Reason::Download => ceiling(retry, failed),
                    };
                    let pause = jitter.equal(most).max(jitter.beyond(asked));
                    self.warn(failed, reason, pause, &error);
                    (reason.label(), pause)
                }
            };
            metrics::RETRIES.inc(&[reason]);
            progress.phase = Phase::Retrying;
            tell(progress.clone());
            tokio::time::sleep(pause).await;
        }
    }

    /// Somebody may have landed it while we waited for our turn.
    async fn already_there(&self, inner: &Arc<Inner>) -> Option<Landed> {
        let (inner, identity) = (Arc::clone(inner), self.identity.clone());
        let look = move || {
            let store = inner.keeper.cache()?;
            match identity.lookup_disk(store, clock::unix_ms()) {
                Ok(record) => {
                    let record = record?;
                    let whole = store.open_binary(&record).is_ok_and(|file| file.is_some());
                    let path = store.path(&record);
                    whole.then_some(Landed {
                        record,
                        path,
                        built: false,
                    })
                }
                Err(error) => {
                    log::warn!(cache_key:% = identity.key, error:%; "cache read failed");
                    None
                }
            }
        };
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    fn warn(&self, attempt: u32, reason: Reason, pause: Duration, error: &Error) {
        let (request_id, reason) = (self.request.request_id.as_str(), reason.label());
        log::warn!(request_id, attempt, reason, pause:% = duration::brief(pause), error:%; "build retry");
    }

    fn count(&self, landed: &Landed, begun: Instant) {
        let platform = [self.request.os.as_str(), self.request.arch.as_str()];
        metrics::BUILD_DURATION.observe(&platform, begun.elapsed().as_secs_f64());
        metrics::BINARY_SIZE.observe(&platform, landed.record.size as f64);
    }
}

fn too_long(error: Error, asked: Duration) -> Error {
    match error {
        Error::Remote(message) => Error::Remote(format!(
            "{message} (the server asks for a pause of {}, which is longer than velox.build_timeout leaves)",
            duration::brief(asked)
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
