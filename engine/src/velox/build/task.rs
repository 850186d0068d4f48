//! Runs one build, from acquiring a slot to the stored binary. Runs on the runtime, as the one such task of its
//! configuration on the host; files are accessed on blocking threads. If it is dropped at any point, the connection is
//! closed, the copy stops, and the temporary file is removed.

use std::{sync::Arc, time::Instant};

use super::{Build, attempt::Report, context::BuildContext, remote, retries::Retries};
use crate::backoff::Jitter;
use crate::velox::flight::{
    BuildOutput,
    progress::{Phase, Progress},
};
use crate::{Result, host::clock, metrics::velox as metrics};

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
    if let Some(output) = remote::fetch(context, build).await {
        return Ok(output);
    }
    let client = context.client().await?;
    let mut jitter = Jitter::new();
    progress.phase = Phase::Queued;
    report(progress.clone());
    let _slot = context.acquire_slot(&mut jitter).await?;
    let started = Instant::now();
    let mut retries = Retries::new(context, build, deadline, jitter);
    loop {
        progress.attempt += 1;
        progress.phase = Phase::Building;
        report(progress.clone());
        let attempt = retries.attempt(client, report, started);
        let error = match attempt.run(&progress).await {
            Ok(output) => {
                observe(build, &output, started);
                remote::offer(context, build, &output);
                return Ok(output);
            }
            Err(error) => error,
        };
        if let Some((reason, pause)) = retries.handle(error, progress.attempt).await? {
            metrics::RETRIES.inc_for(&[reason]);
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
    let platform = &build.request.target_platform;
    let platform = [platform.os.as_str(), platform.arch.as_str()];
    metrics::BUILD_DURATION.observe(&platform, started.elapsed().as_secs_f64());
    metrics::BINARY_SIZE.observe(&platform, output.record.size as f64);
}
