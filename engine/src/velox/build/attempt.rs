//! One attempt of a build: asks the server, transfers the file or the body of its answer to the local disk, checks the
//! received bytes, and stores them. Network I/O on the runtime, files on blocking threads. Dropped at any point, it
//! removes its temporary file.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{
    Build, body,
    client::{Client, Reply},
    context::BuildContext,
    error::AttemptError,
    server_file::{self, Expected},
    storage::{ASSUMED_SIZE, Target, storage_error},
};
use crate::velox::{
    flight::{
        BuildOutput,
        progress::{Phase, Progress},
    },
    protocol::request::BuildRequest,
};
use crate::{Error, artifacts::Staging, failpoint::failpoint, runtime::CancellationToken};

/// The pause between two progress requests to the server.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Publishes the progress of a build.
pub(super) type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// One attempt of a build.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Arc<BuildContext>,
    pub(super) build: &'a Build,
    pub(super) client: &'a Client,
    pub(super) report: Report<'a>,
    /// The start of the build, for its record.
    pub(super) started: std::time::Instant,
    /// Asks the server for a fresh build.
    pub(super) force: bool,
    /// The store for the binary.
    pub(super) target: Target,
}

impl Attempt<'_> {
    /// Runs the attempt.
    pub(super) async fn run(&self, progress: &Progress) -> Result<BuildOutput, AttemptError> {
        let request = &self.build.request;
        failpoint!("build.asking");
        let reply = tokio::select! {
            reply = self.client.request_build(request, self.force) => reply?,
            never = self.report_server_progress(progress) => match never {},
        };
        failpoint!("build.answered");
        (self.report)(Progress {
            phase: Phase::Downloading,
            ..progress.clone()
        });
        let staging = match reply {
            Reply::Path(answer) => {
                log::debug!(request_id = request.request_id, path = answer.path; "binary found");
                match self.copy(answer.path.clone()).await {
                    // The server is not asked again: a forced build would run again.
                    Err(AttemptError::DiskFull(need, _)) if self.context.make_space(need).await => {
                        self.copy(answer.path).await?
                    }
                    copied => copied?,
                }
            }
            Reply::Body(response) => self.receive(response).await?,
        };
        log::debug!(request_id = request.request_id, bytes = staging.size(); "binary received");
        failpoint!("build.copied");
        self.store(staging).await
    }

    /// Copies the server's file, until it is complete or the attempt is dropped.
    async fn copy(&self, path: String) -> Result<Staging, AttemptError> {
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        let (context, request) = (Arc::clone(self.context), Arc::clone(&self.build.request));
        let target = self.target;
        blocking(move || {
            let expected = expected(&request, context.max_size);
            let opened = server_file::open(&path, &context.settings.path_map, expected)?;
            let mut staging = context.storage.stage(target, context.max_size)?;
            staging
                .copy_from(&opened.file, opened.size, || cancel.is_cancelled())
                .map_err(|error| match &error {
                    Error::Io { source, .. }
                        if source.kind() == std::io::ErrorKind::UnexpectedEof =>
                    {
                        AttemptError::FileGone(error)
                    }
                    Error::Io { .. } => storage_error(target, opened.size, error),
                    _ => AttemptError::Permanent(error),
                })?;
            opened.check_unchanged(&path)?;
            Ok(staging)
        })
        .await
    }

    /// Streams the body to disk.
    async fn receive(&self, response: reqwest::Response) -> Result<Staging, AttemptError> {
        let (target, max_size) = (self.target, self.context.max_size);
        let context = Arc::clone(self.context);
        let sink = blocking(move || context.storage.stage(target, max_size)).await?;
        let request = Arc::clone(&self.build.request);
        // The transfer of a web page, or of a binary for another platform, is stopped early.
        let inspect = move |header: &[u8]| {
            server_file::check_header(header, u64::MAX, expected(&request, max_size), "a binary")
        };
        let size = response.content_length().unwrap_or(ASSUMED_SIZE);
        let inspect = Some(Box::new(inspect) as body::Inspect);
        let idle_timeout = self.client.idle_timeout();
        let received = body::receive(response, idle_timeout, max_size, sink, inspect).await;
        received.map_err(|error| match error {
            AttemptError::Storage(error) => storage_error(target, size, error),
            other => other,
        })
    }

    /// Checks the received binary and commits it. Checks the copy and not its source, which may have changed.
    async fn store(&self, staging: Staging) -> Result<BuildOutput, AttemptError> {
        let (context, build) = (Arc::clone(self.context), self.build.clone());
        let (target, build_time) = (self.target, self.started.elapsed());
        blocking(move || {
            check(&staging, &build.request, &context)?;
            context.storage.commit(target, staging, &build, build_time)
        })
        .await
    }

    /// Reports the server's progress while it builds, if it is a Pillion server.
    async fn report_server_progress(&self, progress: &Progress) -> Infallible {
        while self.client.has_progress() {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            let request_id = &self.build.request.request_id;
            if let Some(reported) = self.client.progress(request_id).await {
                (self.report)(progress.clone().with_lines(reported.lines));
            }
        }
        std::future::pending().await
    }
}

fn expected(request: &BuildRequest, max_size: u64) -> Expected<'_> {
    Expected {
        os: &request.target_platform.os,
        arch: &request.target_platform.arch,
        max_size,
    }
}

/// Checks a binary that was received.
pub(super) fn check(
    staging: &Staging,
    request: &BuildRequest,
    context: &BuildContext,
) -> Result<(), AttemptError> {
    let header = server_file::read_header(staging.file())
        .map_err(|error| AttemptError::Storage(Error::io("reading the binary again", error)))?;
    let expected = expected(request, context.max_size);
    server_file::check_header(&header, staging.size(), expected, "a binary")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AttemptError> + Send + 'static,
) -> Result<T, AttemptError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(AttemptError::Permanent(if error.is_panic() {
            Error::Internal("a build's file work panicked".into())
        } else {
            Error::State("the process is shutting down".into())
        }))
    })
}
