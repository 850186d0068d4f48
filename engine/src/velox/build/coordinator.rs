//! The task that brings one configuration to all its callers in this process: it boards the host's
//! flight, and leads it or waits for it. One such task polls for all of them. Runs on the runtime; files
//! are touched on blocking threads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{leader_task::lead, retry::Jitter, task::Work};
use crate::velox::{
    context::Inner,
    flight::{Boarding, Flights, Landed, Leader, Sight, Waiter, inflight::Pilot},
};
use crate::{Error, Result};

/// How often a waiter looks.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));
/// How long the table of flights may be held by others before we build on our own: a stopped process
/// would hold it for ever.
const MOST_BUSY: Duration = Duration::from_secs(5);

/// Does the errand of `pilot`, and tells its callers.
pub(in crate::velox) async fn fly(inner: Arc<Inner>, work: Work, pilot: Pilot) {
    let pilot = Arc::new(pilot);
    let asked = Arc::clone(&inner);
    let flights = tokio::task::spawn_blocking(move || asked.flights().collect::<Vec<_>>());
    let mut flights = flights.await.unwrap_or_default().into_iter();
    let end = match flights.next() {
        Some(first) => host_wide(&inner, &work, &pilot, first, flights).await,
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

/// Boards until there is an end; goes to another place where the files of one can't be used. `None`:
/// nobody wants it any more.
async fn host_wide(
    inner: &Arc<Inner>,
    work: &Work,
    pilot: &Arc<Pilot>,
    mut flights: Flights,
    mut others: impl Iterator<Item = Flights>,
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
                log::warn!(cache_key:% = work.identity.key, error:%; "flight files unusable");
                seat = Seat::None;
                match others.next() {
                    Some(other) => flights = other,
                    None => return lead(inner, work.clone(), pilot, None).await,
                }
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
