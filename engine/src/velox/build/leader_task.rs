//! Leads a flight: runs the build within its deadline, publishes its progress to the host, and abandons it when the
//! last subscriber is gone. Runs on the runtime, as part of a build task.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use super::{Build, context::BuildContext, task};
use crate::velox::flight::{BuildOutput, Leader, inflight::BuildTask, progress::Progress};
use crate::{Error, Result, config::duration, metrics::velox as metrics};

/// The pause between two publications of progress to the host.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Builds, for the host if there is a `leader`, else for this process alone. Returns `None` if the last subscriber is
/// gone; the request to the server is then cancelled.
pub(super) async fn lead(
    context: &Arc<BuildContext>,
    build: &Build,
    task: &Arc<BuildTask>,
    leader: Option<Leader>,
) -> Option<Result<BuildOutput>> {
    let leader = leader.map(Arc::new);
    let mut build = build.clone();
    build.forced |= leader.as_ref().is_some_and(|leader| leader.is_forced());
    task.reset_request_ids();
    let started = Instant::now();
    let result = {
        // Both are polled until one of them ends: the build continues while its progress is written.
        tokio::select! {
            biased;
            result = run_within_deadline(context, &build, task) => result,
            () = supervise(task, leader.as_ref()) => {
                let stage = task.progress().phase.stage();
                metrics::CLIENT_DISCONNECTS.inc_for(&[stage]);
                log::warn!(request_id = build.request.request_id, stage; "client disconnected");
                return None;
            }
        }
    };
    count(&build, &result, started);
    // An error of this process alone is no outcome: the dropped leader passes the flight on.
    let is_local = matches!(result, Err(Error::State(_) | Error::Cancelled(_)));
    if let Some(leader) = leader.filter(|_| !is_local) {
        let outcome = result.clone();
        let published = tokio::task::spawn_blocking(move || leader.complete(&outcome)).await;
        if let Ok(Err(error)) = published {
            log::warn!(cache_key:% = build.keys.key, error:%; "outcome not published");
        }
    }
    Some(result)
}

/// Runs the build within its deadline. A panic becomes an error, so that the followers do not repeat it one after the
/// other.
async fn run_within_deadline(
    context: &Arc<BuildContext>,
    build: &Build,
    task: &Arc<BuildTask>,
) -> Result<BuildOutput> {
    let own_task = Arc::clone(task);
    let report = move |progress: Progress| own_task.publish(progress);
    let mut running = pin!(task::run(context, build, task.progress(), &report));
    let caught = std::future::poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        poll.unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned());
            let message = message.unwrap_or_else(|| "a build panicked".into());
            log::error!(message = message.as_str(); "build panicked");
            Poll::Ready(Err(Error::Internal(message)))
        })
    });
    let limit = context.settings.build_timeout;
    tokio::time::timeout(limit, caught)
        .await
        .unwrap_or_else(|_| Err(timeout_error(limit)))
}

/// Returns the error of a build that exceeded its deadline.
pub(in crate::velox) fn timeout_error(limit: Duration) -> Error {
    Error::Timeout(format!(
        "build exceeded {} timeout",
        duration::format(limit)
    ))
}

/// Logs and counts the end of a build.
fn count(build: &Build, result: &Result<BuildOutput>, started: Instant) {
    let request_id = build.request.request_id.as_str();
    let status = match result {
        Ok(output) if !output.built => return,
        Ok(_) => "success",
        Err(error) => {
            let build_duration = duration::brief(started.elapsed());
            log::error!(request_id, cache_key:% = build.keys.key, build_duration, error:%; "build failed");
            let (kind, status) = match error {
                Error::Timeout(_) => ("timeout", "timeout"),
                Error::Io { .. } => ("cache_write", "error"),
                _ => ("velox_server", "error"),
            };
            metrics::ERRORS.inc_for(&[kind]);
            status
        }
    };
    metrics::BUILDS.inc_for(&[status, "miss"]);
}

/// Publishes progress to the host until there is no subscriber.
async fn supervise(task: &Arc<BuildTask>, leader: Option<&Arc<Leader>>) {
    let mut published = publish(task, leader, None).await;
    let mut ticker = tokio::time::interval(PROGRESS_INTERVAL);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = task.unsubscribed() => {}
            _ = ticker.tick() => {}
        }
        if !task.has_subscribers() && abandon(task, leader).await {
            return;
        }
        published = publish(task, leader, Some(published)).await;
    }
}

/// Publishes the progress if it differs from `before`, and new request ids.
async fn publish(
    task: &Arc<BuildTask>,
    leader: Option<&Arc<Leader>>,
    before: Option<Progress>,
) -> Progress {
    let now = task.progress();
    let Some(leader) = leader else { return now };
    let changed = before.as_ref() != Some(&now);
    let request_ids = task.take_new_request_ids();
    if changed || !request_ids.is_empty() {
        let (leader, progress) = (Arc::clone(leader), now.to_json());
        let write = move || -> Result<()> {
            if !request_ids.is_empty() {
                leader.add_request_ids(&request_ids)?;
            }
            leader.publish_progress(progress)
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            log::debug!(error:%; "failed to publish build progress");
        }
    }
    now
}

/// Ends the flight if no process of the host follows it. Returns whether it is over.
async fn abandon(task: &Arc<BuildTask>, leader: Option<&Arc<Leader>>) -> bool {
    let Some(leader) = leader else {
        return task.retire();
    };
    let (task, leader) = (Arc::clone(task), Arc::clone(leader));
    let abandoned = tokio::task::spawn_blocking(move || leader.abandon(|| task.retire())).await;
    matches!(abandoned, Ok(Ok(true)))
}
