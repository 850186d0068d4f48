//! Runs one build task of the process: joins the host's flight of its configuration, and leads or follows it. One such
//! task polls the host's files for all its subscribers. Runs on the runtime; files are accessed on blocking threads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Build, context::BuildContext, leader_task::lead};
use crate::backoff::Jitter;
use crate::velox::flight::{
    BuildOutput, FlightId, Follower, Join, Leader, Poll, SingleFlight, inflight::BuildTask,
};
use crate::{Error, Result};

/// The shortest and the longest pause between two polls of a flight.
const POLL_INTERVAL: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_millis(250));
/// The longest time that other processes may hold the table of flights before this one builds alone: a stopped process
/// holds it for ever.
const TABLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the task, and publishes its result to the subscribers.
pub(in crate::velox) async fn run(context: Arc<BuildContext>, build: Build, task: BuildTask) {
    let task = Arc::new(task);
    if let Some(result) = join_or_lead(&context, &build, &task).await {
        task.complete(result);
    }
}

/// The next step of a task.
enum NextStep {
    Lead(Leader),
    Complete(Result<BuildOutput>),
    /// Follow, with the progress that the leader published.
    Follow(Option<Follower>, Option<serde_json::Value>),
    TableBusy,
}

/// Joins the flight until it has a result. Uses the next directory if the files of one are unusable, and builds alone
/// if there is none. Returns `None` if there is no subscriber any more.
async fn join_or_lead(
    context: &Arc<BuildContext>,
    build: &Build,
    task: &Arc<BuildTask>,
) -> Option<Result<BuildOutput>> {
    let own_context = Arc::clone(context);
    let flights = move || own_context.single_flights().collect::<Vec<_>>();
    let flights = tokio::task::spawn_blocking(flights).await;
    let mut flights = flights.unwrap_or_default().into_iter();
    let Some(mut flight) = flights.next() else {
        return lead(context, build, task, None).await;
    };
    let mut jitter = Jitter::new();
    let mut follower = None;
    let mut busy_since = None;
    loop {
        let step = {
            let (flight, task, build) = (flight.clone(), Arc::clone(task), build.clone());
            let follower = follower.take();
            tokio::task::spawn_blocking(move || step(&flight, follower, &build, &task)).await
        };
        match step {
            Ok(Ok(NextStep::Lead(leader))) => {
                return lead(context, build, task, Some(leader)).await;
            }
            Ok(Ok(NextStep::Complete(result))) => return Some(result),
            Ok(Ok(NextStep::Follow(next, published))) => {
                follower = next;
                busy_since = None;
                if let Some(published) = published {
                    task.publish(task.progress().updated_from(&published));
                }
            }
            Ok(Ok(NextStep::TableBusy)) => {
                let since = *busy_since.get_or_insert_with(Instant::now);
                if since.elapsed() > TABLE_TIMEOUT {
                    log::warn!(cache_key:% = build.keys.key; "flight table held by others, building alone");
                    return lead(context, build, task, None).await;
                }
            }
            Ok(Err(error @ Error::QueueFull(_))) => return Some(Err(error)),
            Ok(Err(error)) => {
                log::warn!(cache_key:% = build.keys.key, error:%; "flight files unusable");
                match flights.next() {
                    Some(next) => flight = next,
                    None => return lead(context, build, task, None).await,
                }
            }
            Err(_) => return Some(Err(Error::State("the process is shutting down".into()))),
        }
        let pause = jitter.between(POLL_INTERVAL.0, POLL_INTERVAL.1);
        tokio::select! {
            () = task.unsubscribed() => {}
            () = tokio::time::sleep(pause) => {}
        }
        if !task.has_subscribers() && task.retire() {
            return None;
        }
    }
}

/// Polls the host's files once.
fn step(
    flight: &SingleFlight,
    follower: Option<Follower>,
    build: &Build,
    task: &BuildTask,
) -> Result<NextStep> {
    let mut follower = match follower {
        Some(follower) => follower,
        None => match flight.join(FlightId::of(&build.keys), build.forced)? {
            Join::Leader(leader) => return Ok(NextStep::Lead(leader)),
            Join::UnforcedActive => return Ok(NextStep::Follow(None, None)),
            Join::TableBusy => return Ok(NextStep::TableBusy),
            Join::Follower(follower) => {
                task.reset_request_ids();
                follower
            }
        },
    };
    let request_ids = task.take_new_request_ids();
    if !request_ids.is_empty() {
        follower.add_request_ids(&request_ids)?;
    }
    Ok(match follower.poll()? {
        Poll::Active(published) => NextStep::Follow(Some(follower), published),
        Poll::Completed(outcome) => NextStep::Complete(outcome.result),
        Poll::Lead(leader) => {
            log::warn!(cache_key:% = build.keys.key; "build taken over from a process that died");
            NextStep::Lead(leader)
        }
        Poll::Lost => NextStep::Follow(None, None),
    })
}
