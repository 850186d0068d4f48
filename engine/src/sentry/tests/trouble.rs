//! What goes wrong on the way, with clocks and with disks, and what becomes of the envelopes.

use std::os::fd::AsRawFd as _;

use super::{super::outbox::Pushed, *};
use crate::sentry::protocol::category::Priority;

fn letters(room: &Room) -> Vec<String> {
    let letters = room.sentry.dead_letters(100);
    let all = letters.as_array().unwrap().iter();
    all.map(|letter| letter["reason"].as_str().unwrap().to_owned())
        .collect()
}

/// A room whose tries are few and quick, with that DSN.
fn hurried(dir: &Path, dsn: &str) -> Room {
    let settings = SentrySettings {
        dsn: Some(Dsn::parse(dsn).unwrap()),
        connect_timeout: Duration::from_millis(300),
        timeout: Duration::from_millis(600),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        max_attempts: 2,
        max_age: Duration::from_secs(2),
        ..Settings::default().sentry
    };
    Room::open(dir, settings)
}

#[test]
fn a_place_that_swallows_connections_costs_the_connect_timeout_and_no_more() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes numbers only. A queue of one place, which is filled and never served.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().unwrap();
    let _fill: Vec<_> = (0..4)
        .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let room = hurried(dir.path(), &format!("http://k@{address}/1"));
    room.sentry.send(&event(1), None).unwrap();
    assert!(room.flush());
    let reasons = letters(&room);
    assert!(
        reasons.len() == 1 && reasons[0].contains("(Connect)"),
        "{reasons:?}"
    );
    assert!(room.count(Count::Retries) >= 1);
}

#[test]
fn a_server_that_never_answers_costs_the_timeout_and_no_more() {
    let server = FakeSentry::anywhere().unwrap();
    let mut silent = Behaviour::default().times(0);
    silent.delivery.stall_at = Some(0);
    server.behave(silent);
    let dir = tempfile::tempdir().unwrap();
    let room = hurried(dir.path(), &server.dsn(1));
    room.sentry.send(&event(1), None).unwrap();
    assert!(room.flush());
    let reasons = letters(&room);
    assert!(
        reasons.len() == 1 && reasons[0].contains("time"),
        "{reasons:?}"
    );
}

#[test]
fn a_name_that_nobody_knows_is_trouble_and_tells_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let room = hurried(dir.path(), "http://hunter2@nowhere.invalid/1");
    room.sentry.send(&event(1), None).unwrap();
    assert!(room.flush());
    let reasons = letters(&room);
    assert_eq!(reasons.len(), 1);
    assert!(!reasons[0].contains("hunter2"), "{reasons:?}");
}

#[test]
fn one_who_reads_slowly_holds_up_nobody_else() {
    let server = FakeSentry::anywhere().unwrap();
    let slow = front::slow_reader();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(
        dir.path(),
        SentrySettings {
            compression: None,
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
    room.sentry
        .send(large.as_bytes(), Some(dsn.as_bytes()))
        .unwrap();
    until("it is being read", || !slow.notes().is_empty());
    (2..30).for_each(|n| assert!(room.sentry.send(&event(n), None).unwrap()));
    until("the others have arrived", || server.ids().len() == 28);
    assert!(room.flush());
    assert_eq!(letters(&room).len(), 1);
}

#[test]
fn what_has_waited_for_too_long_is_given_up_and_a_clock_that_jumps_loses_nothing() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::asleep(dir.path(), settings(&server));
    let now = crate::host::clock::unix_ms();
    let day = 24 * 3600 * 1000;
    let dsn = server.dsn(1);
    // Accepted before the clock was set back by a week; now; and before it was set forward by two days.
    for (n, accepted) in [(1, now + 7 * day), (2, now), (3, now - 2 * day)] {
        let pushed =
            room.sentry
                .outbox
                .push(Priority::Critical, dsn.as_bytes(), &event(n), accepted);
        assert_eq!(pushed.unwrap(), Pushed::Stored(0));
    }
    room.runtime.spawn(Arc::clone(&room.sentry).run());
    assert!(room.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(letters(&room), ["it is older than sentry.retry.max_age"]);
    assert!(room.sentry.metrics()["wait_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(room.sentry.replay(None).unwrap(), 1);
    assert!(room.flush());
    assert_eq!(server.ids().last().unwrap(), &id(3));
}

#[test]
fn those_that_had_to_wait_go_step_by_step() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(
        dir.path(),
        SentrySettings {
            drain_interval: Duration::from_millis(100),
            ..settings(&server)
        },
    );
    let mut gone = Behaviour::default();
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    // While the first one is tried and fails, and the sender waits for it to be tried again.
    let room_sentry = &room.sentry;
    room_sentry.send(&event(0), None).unwrap();
    until("it is tried", || room.count(Count::Retries) == 1);
    (1..8).for_each(|n| assert!(room_sentry.send(&event(n), None).unwrap()));
    assert!(room.flush());
    let times: Vec<u64> = server
        .seen()
        .iter()
        .filter(|seen| seen.is_told)
        .map(|seen| seen.at_ms)
        .collect();
    assert_eq!(times.len(), 8);
    // Seven steps, less what the first one may have been held up on its way.
    assert!(times[7] - times[0] >= 400, "{times:?}");
    assert_eq!(room.count(Count::Sent), 8);
}

#[test]
fn with_durability_on_disk_outboxes_lie_in_the_state_directory_and_anybody_adopts_them() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let on_disk = SentrySettings {
        on_disk: true,
        sync_interval: Duration::from_millis(20),
        ..settings(&server)
    };
    let place = dir.path().join("state/sentry/outbox");
    let files = || std::fs::read_dir(&place).map_or(0, Iterator::count);
    let dead = Room::asleep(dir.path(), on_disk.clone());
    (0..20).for_each(|n| assert!(dead.sentry.send(&event(n), None).unwrap()));
    assert!(files() >= 2);
    assert_eq!(dead.sentry.status()["queue"]["queue_length"], 20);
    dead.sentry.outbox.sync().unwrap();
    drop(dead);
    // Its setting is another one.
    let heir = Room::open(dir.path(), settings(&server));
    heir.sentry.adopt();
    assert!(heir.flush());
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..20).map(id).collect::<Vec<_>>());
    until("its files are gone", || files() == 0);
    let room = Room::open(dir.path(), on_disk);
    room.sentry.send(&event(77), None).unwrap();
    assert!(room.flush());
    assert_eq!(server.ids().last().unwrap(), &id(77));
}

#[test]
fn where_no_directory_can_be_written_memory_does_it_is_shown_and_nothing_is_lost_silently() {
    let server = FakeSentry::anywhere().unwrap();
    let nowhere = SentryDirs {
        run: Some("/proc/nowhere".into()),
        state: Some("/proc/nowhere".into()),
        ..SentryDirs::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let mut room = Room::asleep(dir.path(), settings(&server));
    room.sentry = Arc::new(Sentry::open(settings(&server), nowhere).unwrap());
    room.runtime.spawn(Arc::clone(&room.sentry).run());
    assert_eq!(room.sentry.status()["queue"]["durable"], false);
    room.sentry.send(&event(1), None).unwrap();
    assert!(room.flush());
    assert_eq!(server.ids(), [id(1)]);
    // Given up, with no place for a letter: lost, counted, and told to Sentry.
    let mut gone = Behaviour::default().times(3);
    gone.delivery.drop_at = Some(0);
    server.behave(gone);
    room.sentry.send(&event(2), None).unwrap();
    assert!(room.flush());
    assert_eq!(room.count(Count::Failed), 1);
    room.sentry
        .send(b"{}\n{\"type\":\"session\"}\n{}", None)
        .unwrap();
    assert!(room.flush());
    assert_eq!(reports(&server), told(&[("network_error", "error", 1)]));
}

#[test]
fn outboxes_in_another_run_directory_are_adopted() {
    let server = FakeSentry::anywhere().unwrap();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let dead = Room::asleep(dirs[0].path(), settings(&server));
    (0..20).for_each(|n| assert!(dead.sentry.send(&event(n), None).unwrap()));
    drop(dead);
    let places = SentryDirs {
        run: Some(dirs[1].path().join("run")),
        state: Some(dirs[1].path().join("state")),
        other_runs: vec![dirs[0].path().join("run"), "/proc/nowhere".into()],
        ..SentryDirs::default()
    };
    let mut heir = Room::asleep(dirs[1].path(), settings(&server));
    assert!(places.has_adoptable_outboxes());
    heir.sentry = Arc::new(Sentry::open(settings(&server), places).unwrap());
    heir.runtime.spawn(Arc::clone(&heir.sentry).run());
    heir.sentry.adopt();
    assert!(heir.flush());
    assert_eq!(heir.count(Count::Adopted), 20);
    let mut ids = server.ids();
    ids.sort();
    assert_eq!(ids, (0..20).map(id).collect::<Vec<_>>());
}
