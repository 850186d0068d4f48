//! Leading a flight: the build runs within its deadline, the host is told how far it is, and it is
//! given up when nobody waits any more. Runs on the runtime, as part of a pilot's task.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use super::{progress::Progress, task::Work};
use crate::velox::{
    context::Inner,
    flight::{Landed, Leader, inflight::Pilot},
};
use crate::{Error, Result, config::duration, metrics::velox as metrics};

/// How often the host is told what is new.
const TELL: Duration = Duration::from_millis(250);

/// Builds, for the host where there is a `leader`, else for this process alone. `None`: nobody wants it
/// any more, and the request to the server was stopped.
pub(in crate::velox) async fn lead(
    inner: &Arc<Inner>,
    mut work: Work,
    pilot: &Arc<Pilot>,
    leader: Option<Leader>,
) -> Option<Result<Landed>> {
    let leader = leader.map(Arc::new);
    work.forced |= leader.as_ref().is_some_and(|leader| leader.is_forced());
    pilot.forget_newcomers();
    let begun = Instant::now();
    let end = {
        let _active = Active::new();
        // Both are polled until one of them ends: the build goes on while its progress is written.
        tokio::select! {
            biased;
            end = build(inner, &work, pilot) => end,
            () = supervise(pilot, leader.as_ref()) => {
                let stage = pilot.told().phase.stage();
                metrics::CLIENT_DISCONNECTS.inc(&[stage]);
                log::warn!(request_id = work.request.request_id, stage; "client disconnected");
                return None;
            }
        }
    };
    count(&work, &end, begun);
    // What is about this process alone is no outcome: its end hands the flight on.
    let own = matches!(end, Err(Error::State(_) | Error::Cancelled(_)));
    if let Some(leader) = leader.filter(|_| !own) {
        let told = end.clone();
        let published = tokio::task::spawn_blocking(move || leader.land(&told)).await;
        if let Ok(Err(error)) = published {
            log::warn!(cache_key:% = work.identity.key, error:%; "outcome not published");
        }
    }
    Some(end)
}

/// Reports to the host until no caller is left.
async fn supervise(pilot: &Arc<Pilot>, leader: Option<&Arc<Leader>>) {
    let mut told = report(pilot, leader, None).await;
    let mut ticker = tokio::time::interval(TELL);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = pilot.left() => {}
            _ = ticker.tick() => {}
        }
        if !pilot.is_wanted() && given_up(pilot, leader).await {
            return;
        }
        told = report(pilot, leader, Some(told)).await;
    }
}

/// The build within its deadline. A panic in it is an error like others, so that those who wait don't
/// run into it one after the other.
async fn build(inner: &Arc<Inner>, work: &Work, pilot: &Arc<Pilot>) -> Result<Landed> {
    let teller = Arc::clone(pilot);
    let tell = move |progress: Progress| teller.tell(progress);
    let mut running = pin!(work.run(inner, pilot.told(), &tell));
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
    let limit = inner.settings.build_timeout;
    tokio::time::timeout(limit, caught)
        .await
        .unwrap_or_else(|_| Err(timed_out(limit)))
}

/// The deadline's error.
pub(in crate::velox) fn timed_out(limit: Duration) -> Error {
    Error::Timeout(format!(
        "build exceeded {} timeout",
        duration::format(limit)
    ))
}

fn count(work: &Work, end: &Result<Landed>, begun: Instant) {
    let request_id = work.request.request_id.as_str();
    let status = match end {
        Ok(landed) if !landed.built => return,
        Ok(_) => "success",
        Err(error) => {
            let build_duration = duration::brief(begun.elapsed());
            log::error!(request_id, cache_key:% = work.identity.key, build_duration, error:%; "build failed");
            let (kind, status) = match error {
                Error::Timeout(_) => ("timeout", "timeout"),
                Error::Io { .. } => ("cache_write", "error"),
                _ => ("velox_server", "error"),
            };
            metrics::ERRORS.inc(&[kind]);
            status
        }
    };
    metrics::BUILDS.inc(&[status, "miss"]);
}

/// Tells the host what is new since `before`, and who came.
async fn report(
    pilot: &Arc<Pilot>,
    leader: Option<&Arc<Leader>>,
    before: Option<Progress>,
) -> Progress {
    let now = pilot.told();
    let Some(leader) = leader else { return now };
    let changed = before.as_ref() != Some(&now);
    let newcomers = pilot.newcomers();
    if changed || !newcomers.is_empty() {
        let (leader, told) = (Arc::clone(leader), now.to_json());
        let write = move || -> Result<()> {
            if !newcomers.is_empty() {
                leader.note(&newcomers)?;
            }
            leader.tell(told)
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            log::debug!(error:%; "progress not told");
        }
    }
    now
}

/// Whether nobody on the host waits any more; then the flight is over.
async fn given_up(pilot: &Arc<Pilot>, leader: Option<&Arc<Leader>>) -> bool {
    let Some(leader) = leader else {
        return pilot.retire();
    };
    let (pilot, leader) = (Arc::clone(pilot), Arc::clone(leader));
    let asked = tokio::task::spawn_blocking(move || leader.abandon(|| pilot.retire())).await;
    matches!(asked, Ok(Ok(true)))
}

/// Counts a build while it lives, however it ends.
struct Active;

impl Active {
    fn new() -> Self {
        metrics::BUILDS_ACTIVE.add(1.0);
        Self
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        metrics::BUILDS_ACTIVE.add(-1.0);
    }
}
