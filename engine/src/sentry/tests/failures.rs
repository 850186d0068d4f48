//! Failures of the network, of clocks and of disks.

use std::os::fd::AsRawFd as _;

use super::{super::outbox::Pushed, *};
use crate::sentry::protocol::category::Priority;

fn letters(process: &TestProcess) -> Vec<String> {
    let letters = process.sentry.dead_letters(100);
    let all = letters.as_array().unwrap().iter();
    all.map(|letter| letter["reason"].as_str().unwrap().to_owned())
        .collect()
}

/// A process with few and short attempts.
fn impatient(dir: &Path, dsn: &str) -> TestProcess {
    TestProcess::open(dir, short_attempts(dsn))
}

fn short_attempts(dsn: &str) -> SentrySettings {
    SentrySettings {
        dsn: Some(Dsn::parse(dsn).unwrap()),
        connect_timeout: Duration::from_millis(300),
        timeout: Duration::from_millis(600),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        max_attempts: 2,
        max_age: Duration::from_secs(2),
        ..Settings::default().sentry
    }
}

#[test]
fn unanswered_connect_costs_the_connect_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes numbers only. A backlog of one connection, which is filled and never accepted.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().unwrap();
    let _fill: Vec<_> = (0..4)
        .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let settings = SentrySettings {
        // On a busy machine, both times may be over when the client looks.
        timeout: Duration::from_secs(60),
        ..short_attempts(&format!("http://k@{address}/1"))
    };
    let process = TestProcess::open(dir.path(), settings);
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    let reasons = letters(&process);
    assert!(
        reasons.len() == 1 && reasons[0].contains("no connection in time"),
        "{reasons:?}"
    );
    assert!(process.count(Count::Retries) >= 1);
}

#[test]
fn unanswered_request_costs_the_timeout() {
    let server = FakeSentry::anywhere().unwrap();
    let mut silent = Behaviour::default().times(0);
    silent.delivery.stall_at = Some(0);
    server.behave(silent);
    let dir = tempfile::tempdir().unwrap();
    let process = impatient(dir.path(), &server.dsn(1));
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    let reasons = letters(&process);
    assert!(
        reasons.len() == 1 && reasons[0].contains("time"),
        "{reasons:?}"
    );
}

#[test]
fn error_of_an_unknown_host_contains_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let process = impatient(dir.path(), "http://hunter2@nowhere.invalid/1");
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    let reasons = letters(&process);
    assert_eq!(reasons.len(), 1);
    assert!(!reasons[0].contains("hunter2"), "{reasons:?}");
}

#[test]
fn slow_server_delays_no_other_project() {
    let server = FakeSentry::anywhere().unwrap();
    let slow = test_server::slow_reader();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            compression: false,
            timeout: Duration::from_secs(2),
            max_attempts: 1,
            ..settings(&server)
        },
    );
    let dsn = format!("http://k@{}/1", slow.address);
    let large = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{\"x\":\"{}\"}}",
        id(1),
        "y".repeat(8 << 20)
    );
    process
        .sentry
        .send(large.as_bytes(), Some(dsn.as_bytes()))
        .unwrap();
    wait_until("a connection", || !slow.notes().is_empty());
    (2..30).for_each(|n| assert!(process.sentry.send(&event(n), None).unwrap()));
    wait_until("the others have arrived", || server.ids().len() == 28);
    assert!(process.flush());
    assert_eq!(letters(&process).len(), 1);
}

#[test]
fn expired_envelope_is_given_up_and_clock_jumps_are_safe() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(dir.path(), settings(&server));
    let now = crate::host::clock::unix_ms();
    let day = 24 * 3600 * 1000;
    let dsn = server.dsn(1);
    // Accepted before the clock was set back by a week; now; and before it was set forward by two days.
    for (n, accepted) in [(1, now + 7 * day), (2, now), (3, now - 2 * day)] {
        let pushed =
            process
                .sentry
                .outbox
                .push(Priority::Critical, dsn.as_bytes(), &event(n), accepted);
        assert_eq!(pushed.unwrap(), Pushed::Stored(0));
    }
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    assert!(process.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(letters(&process), ["it is older than sentry.retry.max_age"]);
    assert!(process.sentry.metrics()["wait_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(process.sentry.replay(None).unwrap(), 1);
    assert!(process.flush());
    assert_eq!(server.ids().last().unwrap(), &id(3));
}

#[test]
fn discarded_dead_letter_is_reported_as_ignored() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    let mut gone = Behaviour::default().times(3);
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    let letters = process.sentry.dead_letters(1);
    let letter = letters[0]["id"].as_str().unwrap();
    assert!(process.sentry.discard(letter) && !process.sentry.discard(letter));
    process.sentry.send(&event(2), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids(), [id(2)]);
    assert_eq!(reports(&server), losses(&[("ignored", "error", 1)]));
}

#[test]
fn deferred_envelopes_are_sent_at_the_drain_interval() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            drain_interval: Duration::from_millis(100),
            ..settings(&server)
        },
    );
    let mut gone = Behaviour::default();
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    // The first attempt fails, and the sender backs off.
    let sentry = &process.sentry;
    sentry.send(&event(0), None).unwrap();
    wait_until("an attempt", || process.count(Count::Retries) == 1);
    (1..8).for_each(|n| assert!(sentry.send(&event(n), None).unwrap()));
    assert!(process.flush());
    let times: Vec<u64> = server
        .seen()
        .iter()
        .filter(|seen| seen.is_told)
        .map(|seen| seen.at_ms)
        .collect();
    assert_eq!(times.len(), 8);
    // Seven intervals, less a delay of the first request.
    assert!(times[7] - times[0] >= 400, "{times:?}");
    assert_eq!(process.count(Count::Sent), 8);
}

#[test]
fn outboxes_on_disk_are_in_state_dir_and_are_adopted() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let on_disk = SentrySettings {
        on_disk: true,
        sync_interval: Duration::from_millis(20),
        ..settings(&server)
    };
    let outboxes = dir.path().join("state/sentry/outbox");
    let files = || std::fs::read_dir(&outboxes).map_or(0, Iterator::count);
    let dead = TestProcess::without_sender(dir.path(), on_disk.clone());
    (0..20).for_each(|n| assert!(dead.sentry.send(&event(n), None).unwrap()));
    assert!(files() >= 2);
    assert_eq!(dead.sentry.status()["queue"]["queue_length"], 20);
    dead.sentry.outbox.sync().unwrap();
    drop(dead);
    // The adopter has another durability.
    let adopter = TestProcess::open(dir.path(), settings(&server));
    adopter.sentry.adopt();
    assert!(adopter.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..20).map(id).collect::<Vec<_>>());
    wait_until("its files are removed", || files() == 0);
    let process = TestProcess::open(dir.path(), on_disk);
    process.sentry.send(&event(77), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids().last().unwrap(), &id(77));
}

#[test]
fn outbox_in_memory_is_shown_and_its_losses_reported() {
    let server = FakeSentry::anywhere().unwrap();
    let nowhere = SentryDirs {
        run: Some("/proc/nowhere".into()),
        state: Some("/proc/nowhere".into()),
        ..SentryDirs::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let mut process = TestProcess::without_sender(dir.path(), settings(&server));
    process.sentry = Arc::new(Sentry::open(settings(&server), nowhere).unwrap());
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    assert_eq!(process.sentry.status()["queue"]["durable"], false);
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids(), [id(1)]);
    // Given up without a directory for dead letters: lost, counted and reported.
    let mut gone = Behaviour::default().times(3);
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    process.sentry.send(&event(2), None).unwrap();
    assert!(process.flush());
    assert_eq!(process.count(Count::Failed), 1);
    process
        .sentry
        .send(b"{}\n{\"type\":\"session\"}\n{}", None)
        .unwrap();
    assert!(process.flush());
    assert_eq!(reports(&server), losses(&[("network_error", "error", 1)]));
}

#[test]
fn outboxes_of_a_former_run_dir_are_adopted() {
    let server = FakeSentry::anywhere().unwrap();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let dead = TestProcess::without_sender(dirs[0].path(), settings(&server));
    (0..20).for_each(|n| assert!(dead.sentry.send(&event(n), None).unwrap()));
    drop(dead);
    let places = SentryDirs {
        run: Some(dirs[1].path().join("run")),
        state: Some(dirs[1].path().join("state")),
        other_runs: vec![dirs[0].path().join("run"), "/proc/nowhere".into()],
        ..SentryDirs::default()
    };
    let mut adopter = TestProcess::without_sender(dirs[1].path(), settings(&server));
    assert!(places.has_adoptable_outboxes());
    adopter.sentry = Arc::new(Sentry::open(settings(&server), places).unwrap());
    adopter.runtime.spawn(Arc::clone(&adopter.sentry).run());
    adopter.sentry.adopt();
    assert!(adopter.flush());
    assert_eq!(adopter.count(Count::Adopted), 20);
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..20).map(id).collect::<Vec<_>>());
}
