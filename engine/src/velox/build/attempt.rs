//! One attempt: asks the server, brings the file or the body of its answer to our disk, looks at what has
//! arrived, and puts it away. Network on the runtime, files on blocking threads; dropped at any point, it
//! leaves nothing behind.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    body,
    client::{Client, Reply},
    error::Trouble,
    progress::{Phase, Progress},
    server_file::{self, Wanted},
    storage::{Parcel, Shelf, USUAL, unkept},
    task::Work,
};
use crate::velox::{context::Inner, flight::Landed, protocol::request::Request};
use crate::{
    Error,
    artifacts::Staging,
    failpoint::{FailPoint, reach},
    runtime::CancellationToken,
};

/// How often a server of ours is asked how far it is.
const ASK_PROGRESS: Duration = Duration::from_millis(500);

/// One attempt's circumstances.
#[derive(Clone, Copy)]
pub(in crate::velox) struct Attempt {
    /// Ask for a fresh build.
    pub(in crate::velox) force: bool,
    /// Where the binary is to be kept.
    pub(in crate::velox) shelf: Shelf,
}

impl Work {
    /// Tries once. `begun` is when the build began, for the record.
    pub(in crate::velox) async fn attempt(
        &self,
        inner: &Arc<Inner>,
        client: &Client,
        attempt: Attempt,
        begun: Instant,
        progress: &Progress,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Landed, Trouble> {
        reach(FailPoint::BuildAsking);
        let reply = tokio::select! {
            reply = client.ask(&self.request, attempt.force) => reply?,
            never = watch(client, &self.request.request_id, progress, tell) => match never {},
        };
        reach(FailPoint::BuildAnswered);
        tell(Progress {
            phase: Phase::Downloading,
            ..progress.clone()
        });
        let staging = match reply {
            Reply::Path(answer) => {
                log::debug!(request_id = self.request.request_id, path = answer.path; "binary found");
                match self.copy(inner, answer.path.clone(), attempt.shelf).await {
                    // The server is not asked again: where the build is forced, it would build again.
                    Err(Trouble::Full(need, _)) if make_room(inner, need).await => {
                        self.copy(inner, answer.path, attempt.shelf).await?
                    }
                    copied => copied?,
                }
            }
            Reply::Body(response) => {
                let sink = self.stage(inner, attempt.shelf).await?;
                let (request, most) = (Arc::clone(&self.request), inner.most);
                // A page, or a binary for another platform, is not taken to the end.
                let inspect = move |head: &[u8]| {
                    server_file::fits(head, u64::MAX, wanted(&request, most), "a binary")
                };
                let silence = client.silence();
                let size = response.content_length().unwrap_or(USUAL);
                let inspect = Some(Box::new(inspect) as body::Inspect);
                let received = body::receive(response, silence, most, sink, inspect).await;
                received.map_err(|trouble| match trouble {
                    Trouble::Unkept(error) => unkept(attempt.shelf, size, error),
                    other => other,
                })?
            }
        };
        log::debug!(request_id = self.request.request_id, bytes = staging.size(); "binary received");
        reach(FailPoint::BuildCopied);
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
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        let (inner, request) = (Arc::clone(inner), Arc::clone(&self.request));
        blocking(move || {
            let wanted = wanted(&request, inner.most);
            let found = server_file::open(&path, &inner.roots, wanted)?;
            let mut staging = inner.keeper.stage(shelf, inner.most)?;
            staging
                .copy_from(&found.file, found.size, || cancel.is_cancelled())
                .map_err(|error| match &error {
                    Error::Io { source, .. }
                        if source.kind() == std::io::ErrorKind::UnexpectedEof =>
                    {
                        Trouble::Stale(error)
                    }
                    Error::Io { .. } => unkept(shelf, found.size, error),
                    _ => Trouble::Final(error),
                })?;
            found.is_unchanged(&path)?;
            Ok(staging)
        })
        .await
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
    let head = server_file::head(staging.file())
        .map_err(|error| Trouble::Unkept(Error::io("reading the binary again", error)))?;
    server_file::fits(&head, staging.size(), wanted(request, most), "a binary")
}

/// Runs for as long as the server builds, and tells what a server of ours tells.
async fn watch(
    client: &Client,
    request_id: &str,
    progress: &Progress,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Infallible {
    while client.tells_progress() {
        tokio::time::sleep(ASK_PROGRESS).await;
        if let Some(told) = client.progress(request_id).await {
            tell(progress.clone().with_lines(told.lines));
        }
    }
    std::future::pending().await
}

/// Makes room on the full disk of the cache. `false`: nothing could go.
pub(in crate::velox) async fn make_room(inner: &Arc<Inner>, need: u64) -> bool {
    let inner = Arc::clone(inner);
    blocking(move || Ok(inner.keeper.make_room(need)))
        .await
        .unwrap_or(false)
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
