//! One build, from a free slot to a binary in its place. Runs on the runtime, as the one such task of
//! its configuration on the host; files are touched on blocking threads. Dropped at any point, it leaves
//! nothing behind: the connection is closed, the copy stops, the temporary file goes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    body,
    builds::Inner,
    client::{Client, Reply},
    flight::Landed,
    identity::Identity,
    keep::{Parcel, Shelf, unkept},
    progress::{Phase, Progress},
    request::Request,
    retry::{Jitter, ceiling},
    source::{self, Wanted},
    trouble::{Reason, Trouble},
};
use crate::{
    Error, Result, artifacts::Staging, host::clock, metrics::velox as metrics, runtime::CancelToken,
};

/// How often a server of ours is asked how far it is.
const ASK_PROGRESS: Duration = Duration::from_millis(500);
/// The least pause before asking again for a build that is in flight at the server.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// What is to be built, and how.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) request: Arc<Request>,
    pub(super) identity: Identity,
    pub(super) forced: bool,
}

/// One attempt's circumstances.
#[derive(Clone, Copy)]
struct Attempt {
    force: bool,
    shelf: Shelf,
}

impl Work {
    /// Does it. `tell` is called with each change of how far it is.
    pub(super) async fn run(
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
        let client = inner.client().await?;
        let mut jitter = Jitter::new();
        progress.phase = Phase::Queued;
        tell(progress.clone());
        let _slot = match inner.slots() {
            Some(slots) => Some(slots.take(&mut jitter).await?),
            None => None,
        };
        let begun = Instant::now();
        let mut attempt = Attempt {
            force: self.forced,
            shelf: inner.keeper.shelf(&self.request),
        };
        let (mut failed, mut conflicts) = (0, 0);
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
            let (reason, pause) = match trouble {
                Trouble::Final(error) => return Err(error),
                Trouble::Unkept(error) if attempt.shelf == Shelf::Cache => {
                    metrics::ERRORS.inc(&["cache_write"]);
                    log::warn!(request_id = self.request.request_id, cache_key:% = self.identity.key, error:%; "cache write failed");
                    attempt.shelf = Shelf::Spare;
                    continue;
                }
                Trouble::Unkept(error) => return Err(error),
                Trouble::Stale(error) if attempt.force => return Err(error),
                Trouble::Stale(error) => {
                    // The server's cache still names the file; only a fresh build brings it back.
                    log::warn!(request_id = self.request.request_id, error:%; "build retry");
                    metrics::RETRIES.inc(&[Reason::Download.label()]);
                    attempt.force = true;
                    continue;
                }
                Trouble::Busy => {
                    conflicts += 1;
                    let most = ceiling(&inner.settings.retry, conflicts);
                    ("in_progress", jitter.between(LEAST_PAUSE.min(most), most))
                }
                Trouble::Passing(reason, error) => {
                    failed += 1;
                    if failed >= inner.settings.retry.max_attempts {
                        return Err(exhausted(error, failed));
                    }
                    let most = ceiling(&inner.settings.retry, failed);
                    let pause = jitter.between(Duration::ZERO, most);
                    log::warn!(request_id = self.request.request_id, attempt = failed, reason = reason.label(), pause:? = pause, error:%; "build retry");
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
                    whole.then_some(Landed { record, path })
                }
                Err(error) => {
                    log::warn!(cache_key:% = identity.key, error:%; "cache read failed");
                    None
                }
            }
        };
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    async fn attempt(
        &self,
        inner: &Arc<Inner>,
        client: &Client,
        attempt: Attempt,
        begun: Instant,
        progress: &Progress,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Landed, Trouble> {
        let reply = tokio::select! {
            reply = client.ask(&self.request, attempt.force) => reply?,
            () = watch(client, &self.request.request_id, progress, tell) => return Err(Trouble::Busy),
        };
        tell(Progress {
            phase: Phase::Downloading,
            ..progress.clone()
        });
        let staging = match reply {
            Reply::Path(answer) => {
                log::debug!(request_id = self.request.request_id, path = answer.path; "binary found");
                self.copy(inner, answer.path, attempt.shelf).await?
            }
            Reply::Body(response) => {
                let sink = self.stage(inner, attempt.shelf).await?;
                let received = body::receive(response, client.silence(), inner.most, sink).await;
                received.map_err(|trouble| match trouble {
                    Trouble::Unkept(error) => unkept(attempt.shelf, error),
                    other => other,
                })?
            }
        };
        log::debug!(request_id = self.request.request_id, bytes = staging.size(); "binary received");
        let parcel = Parcel {
            request: Arc::clone(&self.request),
            identity: self.identity.clone(),
            forced: self.forced,
            build: begun.elapsed(),
        };
        let inner = Arc::clone(inner);
        blocking(move || {
            check(&staging, &parcel.request, inner.most)?;
            inner.keeper.commit(attempt.shelf, staging, &parcel)
        })
        .await
    }

    async fn stage(&self, inner: &Arc<Inner>, shelf: Shelf) -> Result<Staging, Trouble> {
        let inner = Arc::clone(inner);
        blocking(move || inner.keeper.stage(shelf, inner.most)).await
    }

    /// Copies the file of a path answer, until it is whole or nobody wants it any more.
    async fn copy(
        &self,
        inner: &Arc<Inner>,
        path: String,
        shelf: Shelf,
    ) -> Result<Staging, Trouble> {
        let cancel = CancelToken::new();
        let _when_dropped = CancelOnDrop(cancel.clone());
        let (inner, request) = (Arc::clone(inner), Arc::clone(&self.request));
        blocking(move || {
            let wanted = wanted(&request, inner.most);
            let found = source::open(&path, &inner.roots, wanted)?;
            let mut staging = inner.keeper.stage(shelf, inner.most)?;
            staging
                .copy_from(&found.file, found.size, || cancel.is_cancelled())
                .map_err(|error| match &error {
                    Error::Io { source, .. }
                        if source.kind() == std::io::ErrorKind::UnexpectedEof =>
                    {
                        Trouble::Stale(error)
                    }
                    Error::Io { .. } => unkept(shelf, error),
                    _ => Trouble::Final(error),
                })?;
            Ok(staging)
        })
        .await
    }

    fn count(&self, landed: &Landed, begun: Instant) {
        let platform = [self.request.os.as_str(), self.request.arch.as_str()];
        metrics::BUILD_DURATION.observe(&platform, begun.elapsed().as_secs_f64());
        metrics::BINARY_SIZE.observe(&platform, landed.record.size as f64);
    }
}

fn wanted(request: &Request, most: u64) -> Wanted<'_> {
    Wanted {
        os: &request.os,
        arch: &request.arch,
        most,
    }
}

/// Looks at what has arrived, and not at where it came from: that may have changed meanwhile.
fn check(staging: &Staging, request: &Request, most: u64) -> Result<(), Trouble> {
    let head = source::head(staging.file())
        .map_err(|error| Trouble::Unkept(Error::io("reading the binary again", error)))?;
    source::fits(&head, staging.size(), wanted(request, most), "a binary")
}

/// Runs for as long as the server builds, and tells what a server of ours tells.
async fn watch(
    client: &Client,
    request_id: &str,
    progress: &Progress,
    tell: &(dyn Fn(Progress) + Send + Sync),
) {
    while client.tells_progress() {
        tokio::time::sleep(ASK_PROGRESS).await;
        if let Some(told) = client.progress(request_id).await {
            tell(progress.clone().with_lines(told.lines));
        }
    }
    std::future::pending().await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Trouble::Final(if error.is_panic() {
            Error::Internal("a build's file work panicked".into())
        } else {
            Error::State("the process is shutting down".into())
        }))
    })
}

fn exhausted(error: Error, attempts: u32) -> Error {
    match error {
        Error::Remote(message) if attempts > 1 => {
            Error::Remote(format!("{message} (given up after {attempts} attempts)"))
        }
        other => other,
    }
}

struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
