//! The task that brings one configuration to all its callers in this process: it boards the host's
//! flight, and leads it or waits for it. One such task polls for all of them. Runs on the runtime; files
//! are touched on blocking threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    builds::Inner,
    flight::{Boarding, Flights, Landed, Leader, Sight, Waiter},
    local::Pilot,
    progress::Progress,
    retry::Jitter,
    work::Work,
};
use crate::{Error, Result, config::duration, metrics::velox as metrics};

/// How often a waiter looks, and a leader tells.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));
const TELL: Duration = Duration::from_millis(250);
/// How long the table of flights may be held by others before we build on our own: a stopped process
/// would hold it for ever.
const MOST_BUSY: Duration = Duration::from_secs(5);

/// Does the errand of `pilot`, and tells its callers.
pub(super) async fn fly(inner: Arc<Inner>, work: Work, pilot: Pilot) {
    let pilot = Arc::new(pilot);
    let end = match inner.flights() {
        Some(flights) => host_wide(&inner, &work, &pilot, flights.clone()).await,
        None => lead(&inner, work, &pilot, None).await,
    };
    if let Some(end) = end {
        pilot.land(end);
    }
}

/// A seat that is kept from look to look.
enum Seat {
    None,
    Waiter(Waiter),
}

enum Step {
    Lead(Leader),
    End(Result<Landed>),
    Wait(Seat, Option<serde_json::Value>),
    Busy,
}

/// Boards until there is an end. `None`: nobody wants it any more.
async fn host_wide(
    inner: &Arc<Inner>,
    work: &Work,
    pilot: &Arc<Pilot>,
    flights: Flights,
) -> Option<Result<Landed>> {
    let mut jitter = Jitter::new();
    let mut seat = Seat::None;
    let mut busy_since = None;
    loop {
        let step = {
            let (flights, pilot, work) = (flights.clone(), Arc::clone(pilot), work.clone());
            tokio::task::spawn_blocking(move || step(&flights, seat, &work, &pilot)).await
        };
        match step {
            Ok(Ok(Step::Lead(leader))) => {
                return lead(inner, work.clone(), pilot, Some(leader)).await;
            }
            Ok(Ok(Step::End(end))) => return Some(end),
            Ok(Ok(Step::Wait(next, told))) => {
                seat = next;
                busy_since = None;
                if let Some(told) = told {
                    pilot.tell(pilot.told().mirror(&told));
                }
            }
            Ok(Ok(Step::Busy)) => {
                seat = Seat::None;
                let since = *busy_since.get_or_insert_with(Instant::now);
                if since.elapsed() > MOST_BUSY {
                    log::warn!(cache_key:% = work.identity.key; "flight table held by others, building alone");
                    return lead(inner, work.clone(), pilot, None).await;
                }
            }
            Ok(Err(error @ Error::QueueFull(_))) => return Some(Err(error)),
            Ok(Err(error)) => {
                log::warn!(cache_key:% = work.identity.key, error:%; "flight files unusable, building alone");
                return lead(inner, work.clone(), pilot, None).await;
            }
            Err(_) => return Some(Err(Error::State("the process is shutting down".into()))),
        }
        let pause = jitter.between(LOOK.0, LOOK.1);
        tokio::select! {
            () = pilot.left() => {}
            () = tokio::time::sleep(pause) => {}
        }
        if !pilot.is_wanted() && pilot.retire() {
            return None;
        }
    }
}

/// One look at the host's files.
fn step(flights: &Flights, seat: Seat, work: &Work, pilot: &Pilot) -> Result<Step> {
    let mut waiter = match seat {
        Seat::Waiter(waiter) => waiter,
        Seat::None => match flights.board(work.identity.flight(), work.forced)? {
            Boarding::Lead(leader) => return Ok(Step::Lead(leader)),
            Boarding::Follow => return Ok(Step::Wait(Seat::None, None)),
            Boarding::Busy => return Ok(Step::Busy),
            Boarding::Wait(waiter) => {
                pilot.forget_newcomers();
                waiter
            }
        },
    };
    let newcomers = pilot.newcomers();
    if !newcomers.is_empty() {
        waiter.note(&newcomers)?;
    }
    Ok(match waiter.look()? {
        Sight::Flying(told) => Step::Wait(Seat::Waiter(waiter), told),
        Sight::Landed(outcome) => Step::End(outcome.result),
        Sight::Lead(leader) => {
            log::warn!(cache_key:% = work.identity.key; "build taken over from a process that died");
            Step::Lead(leader)
        }
        Sight::Lost => Step::Wait(Seat::None, None),
    })
}

/// Builds, for the host where there is a `leader`, else for this process alone. `None`: nobody wants it
/// any more, and the request to the server was stopped.
async fn lead(
    inner: &Arc<Inner>,
    mut work: Work,
    pilot: &Arc<Pilot>,
    leader: Option<Leader>,
) -> Option<Result<Landed>> {
    let leader = leader.map(Arc::new);
    work.forced |= leader.as_ref().is_some_and(|leader| leader.is_forced());
    pilot.forget_newcomers();
    report(pilot, leader.as_ref(), None).await;
    let begun = Instant::now();
    let end = {
        let _active = Active::new();
        let mut building = pin!(build(inner, &work, pilot));
        let mut ticker = tokio::time::interval(TELL);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = pilot.told();
        loop {
            tokio::select! {
                biased;
                end = &mut building => break end,
                () = pilot.left() => {}
                _ = ticker.tick() => {}
            }
            if !pilot.is_wanted() && given_up(pilot, leader.as_ref()).await {
                let stage = pilot.told().phase.stage();
                metrics::CLIENT_DISCONNECTS.inc(&[stage]);
                log::warn!(request_id = work.request.request_id, stage; "client disconnected");
                return None;
            }
            told = report(pilot, leader.as_ref(), Some(told)).await;
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
pub(super) fn timed_out(limit: Duration) -> Error {
    Error::Timeout(format!(
        "build exceeded {} timeout",
        duration::format(limit)
    ))
}

fn count(work: &Work, end: &Result<Landed>, begun: Instant) {
    let request_id = work.request.request_id.as_str();
    let seconds = begun.elapsed().as_secs_f64();
    let status = match end {
        Ok(landed) => {
            let bytes = landed.record.size;
            log::info!(request_id, build_duration = seconds, bytes_written = bytes; "build completed");
            "success"
        }
        Err(error) => {
            log::error!(request_id, cache_key:% = work.identity.key, build_duration = seconds, error:%; "build failed");
            let timeout = matches!(error, Error::Timeout(_));
            metrics::ERRORS.inc(&[if timeout { "timeout" } else { "velox_server" }]);
            if timeout { "timeout" } else { "error" }
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
