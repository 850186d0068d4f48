//! Changes of hands in a flight, within one process and between processes that are killed.

use std::time::Instant;

use serde_json::json;

use super::{follower::MAX_DEATHS, *};
use crate::{
    artifacts::{ConfigDigest, Key, Record},
    error::BuildFailure,
};

const ID: FlightId = FlightId { key: 1, digest: 2 };
const OTHER: FlightId = FlightId { key: 1, digest: 3 };

fn flights() -> (tempfile::TempDir, Flights) {
    let dir = tempfile::tempdir().unwrap();
    let flights = Flights::new(dir.path().join("flights")).unwrap();
    (dir, flights)
}

fn lead(flights: &Flights, id: FlightId, forced: bool) -> Leader {
    match flights.board(id, forced).unwrap() {
        Boarding::Lead(leader) => leader,
        other => panic!("not leading: {other:?}"),
    }
}

fn wait(flights: &Flights, id: FlightId, forced: bool) -> Waiter {
    match flights.board(id, forced).unwrap() {
        Boarding::Wait(waiter) => waiter,
        other => panic!("not waiting: {other:?}"),
    }
}

fn landed() -> Landed {
    Landed {
        record: Record {
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

#[test]
fn a_failure_reaches_those_who_wait_however_long_its_log_is_in_json() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut waiter = wait(&flights, ID, false);
    // Colours in a compiler's output: each such letter is six in JSON.
    let logs = "\u{1b}".repeat(3 << 20);
    let failure = BuildFailure {
        message: "velox server returned: building plugins: exit status 1".into(),
        logs,
        http_status: 500,
    };
    leader.land(&Err(Error::BuildFailed(failure))).unwrap();
    let Sight::Landed(outcome) = waiter.look().unwrap() else {
        panic!("the failing build would be run again")
    };
    let Err(Error::BuildFailed(failure)) = outcome.result else {
        panic!()
    };
    assert_eq!((failure.http_status, failure.logs.len()), (500, 1 << 20));
}

#[test]
fn all_who_wait_get_what_the_leader_brings() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut waiters = [wait(&flights, ID, false), wait(&flights, ID, false)];
    leader.note(&["a".into()]).unwrap();
    waiters[0].note(&["b".into(), "a".into()]).unwrap();
    leader.tell(json!({"state": "building"})).unwrap();
    let Sight::Flying(Some(progress)) = waiters[0].look().unwrap() else {
        panic!()
    };
    assert_eq!(progress["state"], "building");
    assert_eq!(flights.flying()[0]["request_ids"], json!(["a", "b"]));
    leader.land(&Ok(landed())).unwrap();
    for waiter in &mut waiters {
        let Sight::Landed(outcome) = waiter.look().unwrap() else {
            panic!()
        };
        assert_eq!(outcome.result.unwrap(), landed());
        assert_eq!(outcome.request_ids, ["a", "b"]);
    }
    assert!(flights.flying().is_empty());
    assert_eq!(flights.ended().len(), 1);
    // Those who ask now are a flight of their own.
    lead(&flights, ID, false);
}

#[test]
fn a_failure_reaches_everybody_with_its_logs() {
    let errors = [
        Error::BuildFailed(BuildFailure {
            message: "velox server returned: no".into(),
            logs: "line".into(),
            http_status: 500,
        }),
        Error::InvalidRequest(vec![crate::error::Violation {
            field: "plugins[0].tag".into(),
            message: "no".into(),
        }]),
        Error::Config("c".into()),
        Error::Timeout("t".into()),
        Error::Cancelled("x".into()),
        Error::QueueFull("q".into()),
        Error::Remote("r".into()),
        Error::State("s".into()),
        Error::Internal("i".into()),
    ];
    for error in errors {
        let (_dir, flights) = flights();
        let leader = lead(&flights, ID, false);
        let mut waiter = wait(&flights, ID, false);
        leader.land(&Err(error.clone())).unwrap();
        let Sight::Landed(outcome) = waiter.look().unwrap() else {
            panic!()
        };
        assert_eq!(
            format!("{:?}", outcome.result),
            format!("{:?}", Err::<Landed, _>(error))
        );
    }
}

#[test]
fn a_waiter_whose_leader_dies_leads_and_the_others_wait_for_it() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, true);
    let mut first = wait(&flights, ID, false);
    let mut second = wait(&flights, ID, true);
    drop(leader);
    let Sight::Lead(heir) = first.look().unwrap() else {
        panic!()
    };
    drop(first);
    assert!(heir.is_forced());
    assert!(matches!(second.look().unwrap(), Sight::Flying(None)));
    heir.land(&Ok(landed())).unwrap();
    assert!(matches!(second.look().unwrap(), Sight::Landed(_)));
}

#[test]
fn an_outcome_is_found_though_the_slot_is_led_anew() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut waiter = wait(&flights, ID, false);
    leader.land(&Ok(landed())).unwrap();
    let again = lead(&flights, ID, false);
    assert!(matches!(waiter.look().unwrap(), Sight::Landed(_)));
    assert_eq!(again.slot.number, 0);
}

#[test]
fn a_forced_request_joins_a_forced_build_and_follows_any_other() {
    let (_dir, flights) = flights();
    let plain = lead(&flights, ID, false);
    assert!(matches!(flights.board(ID, true).unwrap(), Boarding::Follow));
    plain.land(&Ok(landed())).unwrap();
    let forced = lead(&flights, ID, true);
    let mut joined = wait(&flights, ID, true);
    let _also = wait(&flights, ID, false);
    joined.note(&["a".into()]).unwrap();
    // Its leader dies, and one who needs no forced build is the first to notice.
    drop(forced);
    let heir = lead(&flights, ID, false);
    assert!(heir.is_forced());
    assert!(matches!(joined.look().unwrap(), Sight::Flying(_)));
    heir.tell(json!({})).unwrap();
    assert_eq!(flights.flying()[0]["request_ids"], json!(["a"]));
}

#[test]
fn one_who_needs_a_forced_build_leaves_a_flight_that_is_not() {
    let (dir, flights) = flights();
    let _forced = lead(&flights, ID, true);
    let mut joined = wait(&flights, ID, true);
    // As after a table that was lost and made anew.
    let mut table = Table::open(&dir.path().join("flights"), PATIENCE)
        .unwrap()
        .unwrap();
    let entry = Entry {
        forced: false,
        attempt: 5,
        ..table.entry(0)
    };
    table.write(0, entry).unwrap();
    drop(table);
    assert!(matches!(joined.look().unwrap(), Sight::Lost));
}

#[test]
fn a_slot_with_waiters_is_not_given_away() {
    let (_dir, flights) = flights();
    let all: Vec<Leader> = (0..SLOTS as u64)
        .map(|key| lead(&flights, FlightId { key, digest: 9 }, false))
        .collect();
    let mut waiter = wait(&flights, FlightId { key: 0, digest: 9 }, false);
    drop(all);
    // Every record is used now, and the first slot that could be had is the waiter's.
    let other = lead(&flights, OTHER, false);
    assert_ne!(other.slot.number, waiter.slot.number);
    assert!(matches!(waiter.look().unwrap(), Sight::Lead(_)));
}

#[test]
fn a_flight_is_given_up_only_when_nobody_waits() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let waiter = wait(&flights, ID, false);
    assert!(!leader.abandon(|| true).unwrap());
    drop(waiter);
    assert!(!leader.abandon(|| false).unwrap());
    assert!(leader.abandon(|| true).unwrap());
    lead(&flights, ID, false);
}

#[test]
fn a_waiter_in_a_wiped_table_asks_anew() {
    let (dir, flights) = flights();
    let _leader = lead(&flights, ID, false);
    let mut waiter = wait(&flights, ID, false);
    std::fs::remove_file(dir.path().join("flights/table.v1")).unwrap();
    assert!(matches!(waiter.look().unwrap(), Sight::Lost));
}

#[test]
fn a_full_sky_is_told_at_once() {
    let (_dir, flights) = flights();
    let all: Vec<Leader> = (0..SLOTS as u64)
        .map(|key| lead(&flights, FlightId { key, digest: 9 }, false))
        .collect();
    let refused = flights.board(
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
fn a_configuration_that_kills_its_builders_is_given_up() {
    let (_dir, flights) = flights();
    let mut leader = lead(&flights, ID, false);
    let mut heirs = 0;
    // One more waits all the time, so that it stays one flight.
    let mut last = wait(&flights, ID, false);
    let end = loop {
        let mut waiter = wait(&flights, ID, false);
        drop(leader);
        match waiter.look().unwrap() {
            Sight::Lead(heir) => leader = heir,
            _ => break waiter.look().unwrap(),
        }
        heirs += 1;
    };
    assert_eq!(heirs, MAX_DEATHS);
    for sight in [end, last.look().unwrap()] {
        let Sight::Landed(outcome) = sight else {
            panic!()
        };
        assert!(matches!(outcome.result, Err(Error::Internal(_))));
    }
}

#[test]
fn old_outcomes_are_swept_and_fresh_ones_stay() {
    let (_dir, flights) = flights();
    lead(&flights, ID, false).land(&Ok(landed())).unwrap();
    flights.sweep(SystemTime::now());
    assert_eq!(flights.ended().len(), 1);
    flights.sweep(SystemTime::now() + Duration::from_secs(61));
    assert_eq!(flights.ended().len(), 0);
}

#[test]
fn a_killed_leaders_flight_is_taken_over_within_a_second() {
    let (_dir, flights) = flights();
    let (read, write) = std::io::pipe().unwrap();
    // SAFETY: the child makes and holds a lock, and is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _leader = lead(&flights, ID, false);
        std::io::Write::write_all(&mut &write, b"x").unwrap();
        std::thread::sleep(Duration::from_secs(20));
        // SAFETY: ends the child without the harness's own exit.
        unsafe { libc::_exit(0) };
    }
    std::io::Read::read_exact(&mut &read, &mut [0]).unwrap();
    let mut waiter = wait(&flights, ID, false);
    assert!(matches!(waiter.look().unwrap(), Sight::Flying(None)));
    // SAFETY: our own child.
    unsafe { libc::kill(child, libc::SIGKILL) };
    let start = Instant::now();
    // SAFETY: as above.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    loop {
        match waiter.look().unwrap() {
            Sight::Lead(_) => break,
            Sight::Flying(_) => std::thread::sleep(Duration::from_millis(5)),
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
