//! Sentry is out of reach for a while: no envelope pays for it with its tries, one process of the host
//! looks whether it is back, and what was given up goes again.

use super::*;
use crate::sentry::{dead_letters::Cause, outbox::Record};

/// An address at which nobody listens.
fn free() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn at(address: std::net::SocketAddr) -> SentrySettings {
    SentrySettings {
        dsn: Some(Dsn::parse(&format!("http://0123456789abcdef@{address}/1")).unwrap()),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        max_attempts: 2,
        ..Settings::default().sentry
    }
}

#[test]
fn an_outage_costs_no_try_and_all_arrive_afterwards() {
    let (address, dir) = (free(), tempfile::tempdir().unwrap());
    let room = Room::open(dir.path(), at(address));
    (0..5).for_each(|n| assert!(room.sentry.send(&event(n), None).unwrap()));
    until("many probes", || room.count(Count::Retries) > 20);
    assert_eq!(room.sentry.dead_letters(10), serde_json::json!([]));
    let server = FakeSentry::start(address).unwrap();
    assert!(room.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..5).map(id).collect::<Vec<_>>());
    assert_eq!(room.count(Count::Sent), 5);
}

#[test]
fn one_process_finds_out_and_the_others_know() {
    let (address, dir) = (free(), tempfile::tempdir().unwrap());
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(3600),
        ..at(address)
    };
    let one = Room::open(dir.path(), patient.clone());
    let other = Room::open(dir.path(), patient);
    one.sentry.send(&event(1), None).unwrap();
    until("one has tried", || one.count(Count::Retries) == 1);
    other.sentry.send(&event(2), None).unwrap();
    until("the other one's waits", || other.sentry.outbox.ready() == 0);
    // What is found is the host's, counts too.
    assert_eq!((other.count(Count::Retries), other.sentry.queued()), (1, 1));
    // A third one is of another opinion about pauses, and probes for all.
    let server = FakeSentry::start(address).unwrap();
    let third = Room::open(dir.path(), at(address));
    third.sentry.send(&event(3), None).unwrap();
    until("all have arrived", || server.ids().len() == 3);
    assert_eq!(third.count(Count::Retries), 1);
}

#[test]
fn a_gateway_on_the_way_is_not_sentry() {
    for status in [502, 503, 504] {
        let server = FakeSentry::anywhere().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let room = Room::open(dir.path(), settings(&server));
        let mut gateway = Behaviour::status(status).times(6);
        gateway.body = Some("<html>Bad Gateway</html>".to_owned());
        server.behave(gateway.with("Content-Type", "text/html"));
        room.sentry.send(&event(1), None).unwrap();
        assert!(room.flush());
        assert_eq!((room.count(Count::Sent), room.count(Count::Failed)), (1, 0));
        assert_eq!(room.count(Count::Retries), 6, "{status}");
    }
}

#[test]
fn letters_of_connection_trouble_go_again_and_others_stay() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(dir.path(), settings(&server));
    let letters = room.sentry.dead_letters.as_ref().unwrap();
    let now = crate::host::clock::unix_ms();
    let day = 24 * 3600 * 1000;
    let put = |n: usize, connection: bool, given_up_ms: u64, accepted_ms: u64| {
        let record = Record {
            dsn: server.dsn(1).into_bytes(),
            envelope: event(n),
            accepted_ms,
            attempts: 3,
        };
        let cause = Cause {
            reason: "reset",
            connection,
        };
        letters.put(&record, cause, given_up_ms).unwrap();
    };
    assert!(!room.sentry.dirs.may_replay(), "there is no folder");
    for n in 0..4 {
        put(n, true, now - 20_000, now - 60_000);
    }
    put(4, false, now - 20_000, now - 60_000);
    put(5, true, now - 20_000, now - 2 * day);
    put(6, true, now, now - 60_000);
    assert!(room.sentry.dirs.may_replay());
    room.sentry.replay_due();
    assert!(!room.sentry.dirs.may_replay(), "it was read just now");
    assert_eq!(
        room.count(Count::Replayed),
        1,
        "nobody knows whether it is back"
    );
    assert!(room.flush());
    room.sentry.replay_due();
    assert!(room.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..4).map(id).collect::<Vec<_>>());
    assert_eq!(letters.ids().len(), 3);

    // One more try, and not two more: then it is a letter again.
    put(7, true, now - 20_000, now - 60_000);
    let mut gone = Behaviour::default().times(0);
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    room.sentry.replay_due();
    assert!(room.flush());
    assert_eq!(room.count(Count::Retries), 0);
    let all = room.sentry.dead_letters(1);
    assert_eq!(
        (&all[0]["attempts"], &all[0]["event_id"]),
        (&4.into(), &id(7).into())
    );
}

#[test]
fn a_script_that_ends_takes_what_others_left_along() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let dead = Room::asleep(dir.path(), settings(&server));
        assert!(dead.sentry.send(&event(n), None).unwrap());
    }
    // Of another `run_dir` that this host may have had.
    let other = tempfile::tempdir().unwrap();
    let dead = Room::asleep(other.path(), settings(&server));
    dead.sentry.send(&event(3), None).unwrap();
    drop(dead);
    let worker = Room::asleep(dir.path(), settings(&server));
    worker.runtime.spawn(Arc::clone(&worker.sentry).run());
    worker.sentry.shutdown(Duration::from_secs(30), false);
    assert_eq!(server.ids().len(), 0, "others go on, and do that");

    let mut script = Room::asleep(dir.path(), settings(&server));
    let places = SentryDirs {
        run: Some(dir.path().join("run")),
        state: Some(dir.path().join("state")),
        other_runs: vec![other.path().join("run")],
        ..SentryDirs::default()
    };
    script.sentry = Arc::new(Sentry::open(settings(&server), places).unwrap());
    script.runtime.spawn(Arc::clone(&script.sentry).run());
    script.sentry.send(&event(4), None).unwrap();
    script.sentry.shutdown(Duration::from_secs(30), true);
    let mut ids = server.ids();
    assert_eq!(ids[0], id(4), "its own first");
    ids.sort();
    assert_eq!(ids, (0..5).map(id).collect::<Vec<_>>());
}

#[test]
fn a_script_that_ends_in_an_outage_takes_nothing_along() {
    let (address, dir) = (free(), tempfile::tempdir().unwrap());
    let dead = Room::asleep(dir.path(), at(address));
    dead.sentry.send(&event(1), None).unwrap();
    drop(dead);
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(3600),
        ..at(address)
    };
    let script = Room::open(dir.path(), patient);
    script.sentry.send(&event(2), None).unwrap();
    let begun = Instant::now();
    script.sentry.shutdown(Duration::from_secs(600), true);
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "it waits for nothing"
    );
    assert_eq!(
        (script.sentry.queued(), script.count(Count::Adopted)),
        (1, 0)
    );
}
