//! Joining, following and taking over flights.

mod outcomes;

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{
    entry::FlightEntry,
    follower::MAX_LEADER_DEATHS,
    single_flight::LOCK_TIMEOUT,
    table::{FlightTable, MAX_FLIGHTS},
    *,
};
use crate::{
    Error,
    artifacts::{ConfigDigest, IndexRecord, Key},
    error::BuildFailure,
};

const ID: FlightId = FlightId { key: 1, digest: 2 };
const OTHER: FlightId = FlightId { key: 1, digest: 3 };

fn flights() -> (tempfile::TempDir, SingleFlight) {
    let dir = tempfile::tempdir().unwrap();
    let flights = SingleFlight::new(dir.path().join("flights")).unwrap();
    (dir, flights)
}

fn lead(flights: &SingleFlight, id: FlightId, forced: bool) -> Leader {
    match flights.join(id, forced).unwrap() {
        Join::Leader(leader) => leader,
        other => panic!("not leading: {other:?}"),
    }
}

fn follow(flights: &SingleFlight, id: FlightId, forced: bool) -> Follower {
    match flights.join(id, forced).unwrap() {
        Join::Follower(follower) => follower,
        other => panic!("not following: {other:?}"),
    }
}

#[test]
fn follower_of_a_dead_leader_leads_the_others() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, true);
    let mut first = follow(&flights, ID, false);
    let mut second = follow(&flights, ID, true);
    drop(leader);
    let Poll::Lead(successor) = first.poll().unwrap() else {
        panic!()
    };
    drop(first);
    assert!(successor.is_forced());
    assert!(matches!(second.poll().unwrap(), Poll::Active(None)));
    successor.complete(&Ok(output())).unwrap();
    assert!(matches!(second.poll().unwrap(), Poll::Completed(_)));
}

#[test]
fn forced_request_joins_only_a_forced_build() {
    let (_dir, flights) = flights();
    let plain = lead(&flights, ID, false);
    assert!(matches!(
        flights.join(ID, true).unwrap(),
        Join::UnforcedActive
    ));
    plain.complete(&Ok(output())).unwrap();
    let forced = lead(&flights, ID, true);
    let mut joined = follow(&flights, ID, true);
    let _also = follow(&flights, ID, false);
    joined.add_request_ids(&["a".into()]).unwrap();
    // After the leader's death a request that is not forced takes over.
    drop(forced);
    let successor = lead(&flights, ID, false);
    assert!(successor.is_forced());
    assert!(matches!(joined.poll().unwrap(), Poll::Active(_)));
    successor.publish_progress(json!({})).unwrap();
    assert_eq!(flights.active()[0]["request_ids"], json!(["a"]));
}

#[test]
fn forced_follower_leaves_a_flight_that_is_not_forced() {
    let (dir, flights) = flights();
    let _forced = lead(&flights, ID, true);
    let mut joined = follow(&flights, ID, true);
    // As after a table that was lost and created again.
    let mut table = FlightTable::open(&dir.path().join("flights"), LOCK_TIMEOUT)
        .unwrap()
        .unwrap();
    let entry = FlightEntry {
        forced: false,
        attempt: 5,
        ..table.entry(0)
    };
    table.write(0, entry).unwrap();
    drop(table);
    assert!(matches!(joined.poll().unwrap(), Poll::Lost));
}

#[test]
fn slot_with_followers_is_not_reassigned() {
    let (_dir, flights) = flights();
    let all: Vec<Leader> = (0..MAX_FLIGHTS as u64)
        .map(|key| lead(&flights, FlightId { key, digest: 9 }, false))
        .collect();
    let mut follower = follow(&flights, FlightId { key: 0, digest: 9 }, false);
    drop(all);
    // Every record is used now, and the first free slot has a follower.
    let other = lead(&flights, OTHER, false);
    assert_ne!(other.slot.number, follower.slot.number);
    assert!(matches!(follower.poll().unwrap(), Poll::Lead(_)));
}

#[test]
fn flight_with_followers_is_not_abandoned() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let follower = follow(&flights, ID, false);
    assert!(!leader.abandon(|| true).unwrap());
    drop(follower);
    assert!(!leader.abandon(|| false).unwrap());
    assert!(leader.abandon(|| true).unwrap());
    lead(&flights, ID, false);
}

#[test]
fn follower_of_a_removed_table_joins_again() {
    let (dir, flights) = flights();
    let _leader = lead(&flights, ID, false);
    let mut follower = follow(&flights, ID, false);
    std::fs::remove_file(dir.path().join("flights/table.v1")).unwrap();
    assert!(matches!(follower.poll().unwrap(), Poll::Lost));
}

#[test]
fn full_table_returns_queue_full() {
    let (_dir, flights) = flights();
    let all: Vec<Leader> = (0..MAX_FLIGHTS as u64)
        .map(|key| lead(&flights, FlightId { key, digest: 9 }, false))
        .collect();
    let refused = flights.join(
        FlightId {
            key: 1000,
            digest: 9,
        },
        false,
    );
    assert!(matches!(refused, Err(Error::QueueFull(_))));
    drop(all);
    lead(
        &flights,
        FlightId {
            key: 1000,
            digest: 9,
        },
        false,
    );
}

#[test]
fn configuration_that_kills_its_leaders_fails() {
    let (_dir, flights) = flights();
    let mut leader = lead(&flights, ID, false);
    let mut successors = 0;
    // A second follower keeps it one flight.
    let mut last = follow(&flights, ID, false);
    let end = loop {
        let mut follower = follow(&flights, ID, false);
        drop(leader);
        match follower.poll().unwrap() {
            Poll::Lead(successor) => leader = successor,
            _ => break follower.poll().unwrap(),
        }
        successors += 1;
    };
    assert_eq!(successors, MAX_LEADER_DEATHS);
    for poll in [end, last.poll().unwrap()] {
        let Poll::Completed(outcome) = poll else {
            panic!()
        };
        assert!(matches!(outcome.result, Err(Error::Internal(_))));
    }
}

fn output() -> BuildOutput {
    BuildOutput {
        record: IndexRecord {
            key: Key(1),
            sha256: std::array::from_fn(|at| at as u8),
            size: 5,
            created_ms: 1,
            expires_ms: 2,
            accessed_ms: 1,
            build_ms: 3,
            digest: ConfigDigest(2),
        },
        path: "/cache/a.bin".into(),
        built: true,
    }
}
