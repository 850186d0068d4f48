//! What waits, in which order it goes, and what has to go for others.

use super::*;

/// Every connection breaks, until the server is told to behave.
fn broken() -> Behaviour {
    let mut gone = Behaviour::default().times(0);
    gone.delivery.drop_at = Some(0);
    gone
}

#[test]
fn while_sentry_is_away_the_oldest_go_for_the_newest_and_each_is_counted() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(
        dir.path(),
        SentrySettings {
            workers: 1,
            buffer_size: 10,
            max_attempts: 10_000,
            ..settings(&server)
        },
    );
    server.behave(broken());
    room.sentry.send(&event(0), None).unwrap();
    until("it is tried", || room.count(Count::Retries) > 0);
    for n in 1..200 {
        assert!(room.sentry.send(&event(n), None).unwrap(), "{n}");
    }
    until("all wait", || room.sentry.outbox.ready() == 0);
    server.behave_well();
    assert!(room.flush());
    let ids = server.ids();
    assert_eq!(ids.len(), 10);
    // One may have been on its way while the others were dropped.
    let newest: Vec<_> = (191..200).map(id).collect();
    assert_eq!(ids[1..], newest);
    assert_eq!(room.count(Count::Overflow), 190);
    assert_eq!(reports(&server), told(&[("queue_overflow", "error", 190)]));
    assert_eq!(room.sentry.status()["queue"]["queue_length"], 0);
}

#[test]
fn what_had_to_wait_goes_in_its_order_and_the_more_important_first() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::asleep(
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
        room.sentry.send(profile.as_bytes(), None).unwrap();
    }
    for n in 0..8 {
        room.sentry.send(&event(n), None).unwrap();
    }
    room.runtime.spawn(Arc::clone(&room.sentry).run());
    until("all wait", || {
        room.count(Count::Retries) > 0 && room.sentry.outbox.ready() == 0
    });
    server.behave_well();
    assert!(room.flush());
    let expected: Vec<_> = (0..8).chain(100..104).map(id).collect();
    assert_eq!(server.ids(), expected);
}

#[test]
fn one_that_needs_a_file_of_its_own_keeps_its_place() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::asleep(
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
        assert!(room.sentry.send(&envelope, None).unwrap());
    }
    room.runtime.spawn(Arc::clone(&room.sentry).run());
    assert!(room.flush());
    assert_eq!(server.ids(), (0..6).map(id).collect::<Vec<_>>());
}

#[test]
fn logs_that_had_to_wait_have_company_when_sentry_is_back() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(
        dir.path(),
        SentrySettings {
            max_attempts: 10_000,
            batch_timeout: Duration::from_secs(600),
            ..settings(&server)
        },
    );
    server.behave(broken());
    room.sentry.send(&event(1), None).unwrap();
    until("it is tried", || room.count(Count::Retries) > 0);
    let log = "{}\n{\"type\":\"log\",\"item_count\":1,\"content_type\":\"application/vnd.sentry.items.log+json\"}\n{\"items\":[{\"body\":\"x\"}]}";
    (0..10).for_each(|_| assert!(room.sentry.send(log.as_bytes(), None).unwrap()));
    until("all wait", || room.sentry.outbox.ready() == 0);
    server.behave_well();
    until("ten are enough", || server.counts().taken >= 2);
    assert!(room.flush());
    assert_eq!(server.counts().invalid, 0);
    let logs: u64 = server
        .seen()
        .iter()
        .filter(|seen| seen.status == 200)
        .flat_map(|seen| &seen.items)
        .filter_map(|(head, _)| head["item_count"].as_u64())
        .sum();
    assert_eq!(logs, 10);
    assert_eq!(room.count(Count::Sent), 11);
}

#[test]
fn queue_length_counts_each_envelope_once_through_deaths() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = SentrySettings {
        dsn: Some(Dsn::parse("http://k@127.0.0.1:1/1").unwrap()),
        ..Settings::default().sentry
    };
    let length = |room: &Room| {
        room.sentry.status()["queue"]["queue_length"]
            .as_u64()
            .unwrap()
    };
    let living = Room::asleep(dir.path(), nowhere.clone());
    living.sentry.send(&event(0), None).unwrap();
    let mut waiting = 1;
    for n in 1..=4 {
        // Each adopts what the one before has left, adds its own, and dies.
        let room = Room::asleep(dir.path(), nowhere.clone());
        assert_eq!(length(&room), waiting);
        room.sentry.adopt();
        assert_eq!(length(&room), waiting, "adopted by {n}");
        for _ in 0..n {
            room.sentry.send(&event(n), None).unwrap();
            waiting += 1;
        }
        assert_eq!((length(&room), length(&living)), (waiting, waiting));
        drop(room);
        assert_eq!(length(&living), waiting, "after the death of {n}");
    }
    living.sentry.adopt();
    assert_eq!(length(&living), waiting);
    assert_eq!(living.sentry.queued() as u64, waiting);
}
