//! Sentry is unreachable for a while: no envelope loses attempts, one process of the host probes, and dead letters are
//! replayed.

use super::*;
use crate::sentry::{dead_letters::Cause, outbox::Record};

/// An address without a listener.
fn unused_address() -> std::net::SocketAddr {
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
fn outage_counts_no_attempt_and_loses_nothing() {
    let (address, dir) = (unused_address(), tempfile::tempdir().unwrap());
    let process = TestProcess::open(dir.path(), at(address));
    (0..5).for_each(|n| assert!(process.sentry.send(&event(n), None).unwrap()));
    wait_until("many probes", || process.count(Count::Retries) > 20);
    assert_eq!(process.sentry.dead_letters(10), serde_json::json!([]));
    let server = FakeSentry::start(address).unwrap();
    assert!(process.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..5).map(id).collect::<Vec<_>>());
    assert_eq!(process.count(Count::Sent), 5);
}

#[test]
fn outage_found_by_one_process_holds_for_all() {
    let (address, dir) = (unused_address(), tempfile::tempdir().unwrap());
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(3600),
        ..at(address)
    };
    let one = TestProcess::open(dir.path(), patient.clone());
    let other = TestProcess::open(dir.path(), patient);
    one.sentry.send(&event(1), None).unwrap();
    wait_until("an attempt of the first", || one.count(Count::Retries) == 1);
    other.sentry.send(&event(2), None).unwrap();
    wait_until("the second defers", || other.sentry.outbox.ready() == 0);
    // Counters belong to the host.
    assert_eq!((other.count(Count::Retries), other.sentry.queued()), (1, 1));
    // A third one has shorter pauses, and probes for all.
    let server = FakeSentry::start(address).unwrap();
    let third = TestProcess::open(dir.path(), at(address));
    third.sentry.send(&event(3), None).unwrap();
    wait_until("all have arrived", || server.ids().len() == 3);
    assert_eq!(third.count(Count::Retries), 1);
}

#[test]
fn gateway_error_is_not_an_answer_of_sentry() {
    for status in [502, 503, 504] {
        let server = FakeSentry::anywhere().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let process = TestProcess::open(dir.path(), settings(&server));
        let mut gateway = Behaviour::status(status).times(6);
        gateway.body = Some("<html>Bad Gateway</html>".to_owned());
        server.behave(gateway.with("Content-Type", "text/html"));
        process.sentry.send(&event(1), None).unwrap();
        assert!(process.flush());
        assert_eq!(
            (process.count(Count::Sent), process.count(Count::Failed)),
            (1, 0)
        );
        assert_eq!(process.count(Count::Retries), 6, "{status}");
    }
}

#[test]
fn dead_letters_of_broken_connections_are_replayed() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(dir.path(), settings(&server));
    let letters = process.sentry.dead_letters.as_ref().unwrap();
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
    assert!(!process.sentry.dirs.may_replay(), "there is no directory");
    for n in 0..4 {
        put(n, true, now - 20_000, now - 60_000);
    }
    put(4, false, now - 20_000, now - 60_000);
    put(5, true, now - 20_000, now - 2 * day);
    put(6, true, now, now - 60_000);
    assert!(process.sentry.dirs.may_replay());
    process.sentry.replay_due();
    assert!(!process.sentry.dirs.may_replay(), "it was scanned just now");
    assert_eq!(
        process.count(Count::Replayed),
        1,
        "one probes whether Sentry is back"
    );
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    assert!(process.flush());
    process.sentry.replay_due();
    assert!(process.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..4).map(id).collect::<Vec<_>>());
    assert_eq!(letters.ids().len(), 3);

    // A replay is one attempt; then it is a dead letter again.
    put(7, true, now - 20_000, now - 60_000);
    let mut gone = Behaviour::default().times(0);
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    process.sentry.replay_due();
    assert!(process.flush());
    assert_eq!(process.count(Count::Retries), 0);
    let all = process.sentry.dead_letters(1);
    assert_eq!(
        (&all[0]["attempts"], &all[0]["event_id"]),
        (&4.into(), &id(7).into())
    );
}

#[test]
fn script_sends_outboxes_of_dead_processes_at_its_end() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let dead = TestProcess::without_sender(dir.path(), settings(&server));
        assert!(dead.sentry.send(&event(n), None).unwrap());
    }
    // Of another `run_dir` that this host may have had.
    let other = tempfile::tempdir().unwrap();
    let dead = TestProcess::without_sender(other.path(), settings(&server));
    dead.sentry.send(&event(3), None).unwrap();
    drop(dead);
    let worker = TestProcess::without_sender(dir.path(), settings(&server));
    worker.runtime.spawn(Arc::clone(&worker.sentry).run());
    worker.sentry.shutdown(Duration::from_secs(30), false);
    assert_eq!(server.ids().len(), 0, "other processes do that");

    let mut script = TestProcess::without_sender(dir.path(), settings(&server));
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
fn script_that_ends_in_an_outage_adopts_nothing() {
    let (address, dir) = (unused_address(), tempfile::tempdir().unwrap());
    let dead = TestProcess::without_sender(dir.path(), at(address));
    dead.sentry.send(&event(1), None).unwrap();
    drop(dead);
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(3600),
        ..at(address)
    };
    let script = TestProcess::open(dir.path(), patient);
    script.sentry.send(&event(2), None).unwrap();
    let begun = Instant::now();
    script.sentry.shutdown(Duration::from_secs(600), true);
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "there is nothing to wait for"
    );
    assert_eq!(
        (script.sentry.queued(), script.count(Count::Adopted)),
        (1, 0)
    );
}
