//! Queues: order, eviction, the length that is shown.

use super::*;
use crate::sentry::waiting_counts::WaitingCounts;

/// The server breaks every connection until its behaviour is reset.
fn broken() -> Behaviour {
    let mut gone = Behaviour::default().times(0);
    gone.delivery.drop_at = Some(0);
    gone
}

#[test]
fn sleeping_sender_finds_what_was_queued_without_a_wake_up() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    assert!(process.sentry.queue(&event(1), None).unwrap());
    process.sentry.wake_later();
    wait_until("the announcement wakes it", || {
        process.count(Count::Sent) == 1
    });
    // It polls for some milliseconds before it sleeps.
    std::thread::sleep(Duration::from_millis(100));
    assert!(process.sentry.queue(&event(2), None).unwrap());
    process.sentry.wake_later();
    wait_until("it looks by itself", || process.count(Count::Sent) == 2);
    assert!(process.sentry.queue(&event(3), None).unwrap());
    process.sentry.wake();
    wait_until("it is woken", || process.count(Count::Sent) == 3);
}

#[test]
fn request_that_queues_many_wakes_the_sender() {
    for (buffer_size, unwoken) in [(1000, 63), (10, 4)] {
        let settings = SentrySettings {
            buffer_size,
            ..Settings::default().sentry
        };
        let sentry = Sentry::open(settings, SentryDirs::default()).unwrap();
        let dsn = Some(&b"http://key@127.0.0.1/1"[..]);
        for n in 0..=unwoken {
            assert!(!sentry.sender_state.is_polling(), "before envelope {n}");
            assert!(sentry.queue(&event(n), dsn).unwrap());
            sentry.wake_later();
        }
        assert!(sentry.sender_state.is_polling());
    }
}

#[test]
fn oldest_are_evicted_and_counted_during_an_outage() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            workers: 1,
            buffer_size: 10,
            max_attempts: 10_000,
            ..settings(&server)
        },
    );
    server.behave(broken());
    process.sentry.send(&event(0), None).unwrap();
    wait_until("an attempt", || process.count(Count::Retries) > 0);
    for n in 1..200 {
        assert!(process.sentry.send(&event(n), None).unwrap(), "{n}");
    }
    wait_until("all are deferred", || process.sentry.outbox.ready() == 0);
    server.behave_well();
    assert!(process.flush());
    let ids = server.ids();
    assert_eq!(ids.len(), 10);
    // One may have been in flight while the others were evicted.
    let newest: Vec<_> = (191..200).map(id).collect();
    assert_eq!(ids[1..], newest);
    assert_eq!(process.count(Count::Overflow), 190);
    assert_eq!(
        reports(&server),
        losses(&[("queue_overflow", "error", 190)])
    );
    assert_eq!(process.sentry.status()["queue"]["queue_length"], 0);
}

#[test]
fn deferred_envelopes_go_by_priority_then_age() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(
        dir.path(),
        SentrySettings {
            workers: 1,
            max_attempts: 10_000,
            ..settings(&server)
        },
    );
    server.behave(broken());
    for n in 100..104 {
        let profile = format!(
            "{{\"event_id\":\"{}\"}}\n{{\"type\":\"profile\"}}\n{{}}",
            id(n)
        );
        process.sentry.send(profile.as_bytes(), None).unwrap();
    }
    for n in 0..8 {
        process.sentry.send(&event(n), None).unwrap();
    }
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    wait_until("all are deferred", || {
        process.count(Count::Retries) > 0 && process.sentry.outbox.ready() == 0
    });
    server.behave_well();
    assert!(process.flush());
    let expected: Vec<_> = (0..8).chain(100..104).map(id).collect();
    assert_eq!(server.ids(), expected);
}

#[test]
fn oversize_record_keeps_its_position() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(
        dir.path(),
        SentrySettings {
            workers: 1,
            ..settings(&server)
        },
    );
    for n in 0..6 {
        let large = format!(
            "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{\"x\":\"{}\"}}",
            id(n),
            "y".repeat(2 << 20)
        );
        let envelope = if n % 2 == 1 {
            large.into_bytes()
        } else {
            event(n)
        };
        assert!(process.sentry.send(&envelope, None).unwrap());
    }
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    assert!(process.flush());
    assert_eq!(server.ids(), (0..6).map(id).collect::<Vec<_>>());
}

#[test]
fn deferred_logs_are_batched_after_an_outage() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            max_attempts: 10_000,
            batch_timeout: Duration::from_secs(600),
            ..settings(&server)
        },
    );
    server.behave(broken());
    process.sentry.send(&event(1), None).unwrap();
    wait_until("an attempt", || process.count(Count::Retries) > 0);
    let log = "{}\n{\"type\":\"log\",\"item_count\":1,\"content_type\":\"application/vnd.sentry.items.log+json\"}\n{\"items\":[{\"body\":\"x\"}]}";
    (0..10).for_each(|_| assert!(process.sentry.send(log.as_bytes(), None).unwrap()));
    wait_until("all are deferred", || process.sentry.outbox.ready() == 0);
    server.behave_well();
    wait_until("a batch of ten", || server.counts().taken >= 2);
    assert!(process.flush());
    assert_eq!(server.counts().invalid, 0);
    let logs: u64 = server
        .seen()
        .iter()
        .filter(|seen| seen.status == 200)
        .flat_map(|seen| &seen.items)
        .filter_map(|(head, _)| head["item_count"].as_u64())
        .sum();
    assert_eq!(logs, 10);
    assert_eq!(process.count(Count::Sent), 11);
}

#[test]
fn queue_length_counts_each_envelope_once() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = SentrySettings {
        dsn: Some(Dsn::parse("http://k@127.0.0.1:1/1").unwrap()),
        ..Settings::default().sentry
    };
    let length = |process: &TestProcess| {
        process.sentry.status()["queue"]["queue_length"]
            .as_u64()
            .unwrap()
    };
    let living = TestProcess::without_sender(dir.path(), nowhere.clone());
    living.sentry.send(&event(0), None).unwrap();
    let mut waiting = 1;
    for n in 1..=4 {
        // Each adopts the outboxes of the one before, adds envelopes, and dies.
        let process = TestProcess::without_sender(dir.path(), nowhere.clone());
        assert_eq!(length(&process), waiting);
        process.sentry.adopt();
        assert_eq!(length(&process), waiting, "adopted by {n}");
        for _ in 0..n {
            process.sentry.send(&event(n), None).unwrap();
            waiting += 1;
        }
        assert_eq!((length(&process), length(&living)), (waiting, waiting));
        drop(process);
        assert_eq!(length(&living), waiting, "after the death of {n}");
    }
    living.sentry.adopt();
    assert_eq!(length(&living), waiting);
    assert_eq!(living.sentry.queued() as u64, waiting);
}

/// Calls `action` while no file can be created in the outbox directory of a test process.
fn without_files(dir: &Path, action: impl FnOnce()) {
    let (outboxes, away) = (dir.join("run/sentry"), dir.join("run/away"));
    std::fs::rename(&outboxes, &away).unwrap();
    action();
    std::fs::rename(&away, &outboxes).unwrap();
}

#[test]
fn records_in_no_file_are_lost_at_the_end_and_reported() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(dir.path(), settings(&server));
    without_files(dir.path(), || {
        (0..3).for_each(|n| assert!(process.sentry.send(&event(n), None).unwrap()));
        process
            .sentry
            .send(b"{}\n{\"type\":\"check_in\"}\n{}", None)
            .unwrap();
    });
    assert_eq!(process.sentry.status()["queue"]["durable"], false);
    process.sentry.shutdown(Duration::from_millis(10), false);
    assert_eq!(process.count(Count::Overflow), 4);
    assert_eq!(process.sentry.queued(), 0);
    drop(process);
    let next = TestProcess::open(dir.path(), settings(&server));
    assert_eq!(next.sentry.metrics()["events_dropped"], 4);
    assert_eq!(next.sentry.status()["queue"]["queue_length"], 0);
    next.sentry.send(&event(7), None).unwrap();
    assert!(next.flush());
    assert_eq!(
        reports(&server),
        losses(&[
            ("queue_overflow", "error", 3),
            ("queue_overflow", "monitor", 1)
        ])
    );
}

#[test]
fn adopter_counts_records_that_a_killed_process_had_in_memory() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let adopter = TestProcess::without_sender(dir.path(), settings(&server));
    let name = "1-00000000";
    let run = dir.path().join("run");
    let dead = WaitingCounts::open(&run, name).unwrap();
    dead.set_records(|| 5, 5);
    assert_eq!(adopter.sentry.status()["queue"]["queue_length"], 5);
    (0..2).for_each(|_| adopter.sentry.adopt());
    assert_eq!(adopter.count(Count::Overflow), 5);
    assert_eq!(adopter.sentry.status()["queue"]["queue_length"], 0);
}

#[test]
fn shutdown_frees_slots_of_adopted_outboxes() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let dead = TestProcess::without_sender(dir.path(), settings(&server));
    dead.sentry.send(&event(1), None).unwrap();
    drop(dead);
    let living = TestProcess::without_sender(dir.path(), settings(&server));
    let command = TestProcess::without_sender(dir.path(), settings(&server));
    // Without a sender it runs out of time with one adopted outbox.
    command.sentry.shutdown(Duration::from_millis(30), true);
    assert_eq!(command.sentry.queued(), 1);
    assert_eq!(living.sentry.status()["queue"]["queue_length"], 1);
}
