//! The transport against a fake Sentry over real HTTP: delivery, queues, client reports.

mod failures;
mod hostile;
mod outage;
mod queue;
mod test_server;
mod transport;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_fakes::{FakeSentry, sentry::Behaviour};

use super::{Sentry, SentryDirs, shared_state::Count};
use crate::config::{Dsn, SentrySettings, Settings};

/// A transport with its sender on a runtime of its own, as in a process.
struct TestProcess {
    sentry: Arc<Sentry>,
    runtime: tokio::runtime::Runtime,
}

impl TestProcess {
    fn open(dir: &Path, settings: SentrySettings) -> Self {
        let process = Self::without_sender(dir, settings);
        process.runtime.spawn(Arc::clone(&process.sentry).run());
        process
    }

    /// A process that queues envelopes and sends none.
    fn without_sender(dir: &Path, settings: SentrySettings) -> Self {
        let places = SentryDirs {
            run: Some(dir.join("run")),
            state: Some(dir.join("state")),
            ..SentryDirs::default()
        };
        std::fs::create_dir_all(dir.join("run")).unwrap();
        std::fs::create_dir_all(dir.join("state")).unwrap();
        Self {
            sentry: Arc::new(Sentry::open(settings, places).unwrap()),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn flush(&self) -> bool {
        self.flush_within(Duration::from_secs(20))
    }

    fn flush_within(&self, timeout: Duration) -> bool {
        let flushing = Arc::clone(&self.sentry).flush();
        self.runtime
            .block_on(async { tokio::time::timeout(timeout, flushing).await })
            .unwrap_or(false)
    }

    fn count(&self, count: Count) -> u64 {
        self.sentry.shared.total(count)
    }
}

fn settings(server: &FakeSentry) -> SentrySettings {
    SentrySettings {
        dsn: Some(Dsn::parse(&server.dsn(1)).unwrap()),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        buffer_size: 200_000,
        ..Settings::default().sentry
    }
}

fn id(n: usize) -> String {
    format!("{n:032x}")
}

fn event(n: usize) -> Vec<u8> {
    format!("{{\"event_id\":\"{}\",\"sent_at\":\"2001-01-01T00:00:00Z\"}}\n{{\"type\":\"event\"}}\n{{\"message\":\"no {n}\"}}", id(n)).into_bytes()
}

fn wait_until(event: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{event}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn reports(server: &FakeSentry) -> Vec<(String, String, u64)> {
    let mut found: Vec<(String, String, u64)> = Vec::new();
    for seen in server
        .seen()
        .iter()
        .filter(|seen| seen.is_told && seen.status < 300)
    {
        for (header, payload) in &seen.items {
            if header["type"] != "client_report" {
                continue;
            }
            for one in payload["discarded_events"].as_array().unwrap() {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                let (reason, category) = (text("reason"), text("category"));
                let quantity = one["quantity"].as_u64().unwrap();
                match found
                    .iter_mut()
                    .find(|(r, c, _)| (r, c) == (&reason, &category))
                {
                    Some((.., sum)) => *sum += quantity,
                    None => found.push((reason, category, quantity)),
                }
            }
        }
    }
    found.sort();
    found
}

fn losses(list: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    let owned = |(r, c, n): &(&str, &str, u64)| ((*r).to_owned(), (*c).to_owned(), *n);
    list.iter().map(owned).collect()
}

#[test]
fn envelope_arrives_unchanged_with_auth_and_sent_at() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    assert!(process.sentry.send(&event(7), None).unwrap());
    assert!(process.flush());
    let seen = server.seen().remove(0);
    assert_eq!(seen.path, "/api/1/envelope/");
    assert!(
        seen.auth
            .starts_with("Sentry sentry_version=7, sentry_client=pillion/")
    );
    assert!(seen.auth.ends_with("sentry_key=0123456789abcdef"));
    assert_eq!((seen.encoding.as_str(), seen.error), ("", None));
    assert_eq!(seen.header["event_id"], id(7).as_str());
    assert!(!seen.header["sent_at"].as_str().unwrap().starts_with("2001"));
    assert_eq!(seen.items[0].1["message"], "no 7");
    assert_eq!(
        (process.count(Count::Sent), process.count(Count::Accepted)),
        (1, 1)
    );
    assert_eq!(process.sentry.status()["queue"]["queue_length"], 0);
}

#[test]
fn large_envelope_is_compressed_unless_that_is_off() {
    for (compression, encoding) in [(true, "gzip"), (false, "")] {
        let server = FakeSentry::anywhere().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let process = TestProcess::open(
            dir.path(),
            SentrySettings {
                compression,
                ..settings(&server)
            },
        );
        let message = "large ".repeat(400);
        let envelope = String::from_utf8(event(1)).unwrap();
        let envelope = envelope.replace("no 1", &message);
        process.sentry.send(envelope.as_bytes(), None).unwrap();
        assert!(process.flush());
        let seen = server.seen().remove(0);
        assert_eq!((seen.encoding.as_str(), seen.error), (encoding, None));
        assert_eq!(seen.items[0].1["message"], message.as_str());
    }
}

#[test]
fn dsn_of_argument_wins_over_header_over_setting() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    let slashes = server.dsn(2).replace('/', "\\/");
    let named = format!("{{\"dsn\":\"{slashes}\"}}\n{{\"type\":\"check_in\"}}\n{{}}");
    process.sentry.send(named.as_bytes(), None).unwrap();
    process
        .sentry
        .send(named.as_bytes(), Some(server.dsn(3).as_bytes()))
        .unwrap();
    process
        .sentry
        .send(b"{}\n{\"type\":\"check_in\"}\n{}", None)
        .unwrap();
    assert!(process.flush());
    let mut seen: Vec<_> = server
        .seen()
        .into_iter()
        .map(|seen| (seen.path, seen.header["dsn"].as_str().map(str::to_owned)))
        .collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            ("/api/1/envelope/".into(), None),
            ("/api/2/envelope/".into(), Some(server.dsn(2))),
            ("/api/3/envelope/".into(), Some(server.dsn(3))),
        ]
    );
    for wrong in ["https://hunter2@host", "nonsense"] {
        let error = process
            .sentry
            .send(&event(1), Some(wrong.as_bytes()))
            .unwrap_err();
        assert!(matches!(error, crate::Error::Config(_)) && !error.to_string().contains("hunter2"));
    }
    let error = process.sentry.send(
        b"{\"dsn\":\"http:\\/\\/host\\/1\"}\n{\"type\":\"event\"}\n{}",
        None,
    );
    assert!(matches!(error, Err(crate::Error::Config(_))));
}

#[test]
fn nothing_is_queued_without_a_project_or_when_disabled() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(
        dir.path(),
        SentrySettings {
            dsn: None,
            ..settings(&server)
        },
    );
    assert!(!process.sentry.send(&event(1), None).unwrap());
    let off = TestProcess::without_sender(
        dir.path(),
        SentrySettings {
            enabled: false,
            ..settings(&server)
        },
    );
    assert!(!off.sentry.send(&event(1), None).unwrap());
    assert!(matches!(
        process.sentry.send(b"nonsense", None),
        Err(crate::Error::InvalidRequest(_))
    ));
}

#[test]
fn envelopes_of_a_dead_process_are_sent_by_another() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let dead = TestProcess::without_sender(dir.path(), settings(&server));
    for n in 0..500 {
        assert!(dead.sentry.send(&event(n), None).unwrap());
    }
    // One that is too large for the files of a chain.
    let large = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{\"x\":\"{}\"}}",
        id(999),
        "y".repeat(3 << 20)
    );
    assert!(dead.sentry.send(large.as_bytes(), None).unwrap());
    let adopter = TestProcess::open(dir.path(), settings(&server));
    adopter.sentry.adopt();
    assert_eq!(adopter.count(Count::Adopted), 0, "its owner is alive");
    assert_eq!(adopter.sentry.status()["queue"]["queue_length"], 501);
    drop(dead);
    adopter.sentry.adopt();
    adopter.sentry.adopt();
    assert_eq!(adopter.count(Count::Adopted), 501);
    assert!(adopter.flush());
    let mut ids = server.ids();
    ids.sort();
    let mut all: Vec<_> = (0..500).map(id).chain([id(999)]).collect();
    all.sort();
    assert_eq!(ids, all);
    wait_until("all adopted files are removed", || {
        std::fs::read_dir(dir.path().join("run/sentry"))
            .unwrap()
            .count()
            <= 3
    });
    drop(adopter);
    assert_eq!(
        std::fs::read_dir(dir.path().join("run/sentry"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn broken_connections_end_in_a_dead_letter_for_replay() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    let mut gone = Behaviour::default().times(2);
    gone.delivery.drop_at = Some(0);
    server.behave(gone.clone());
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids(), [id(1)]);
    assert_eq!(process.count(Count::Retries), 2);
    server.behave(gone.times(3));
    process.sentry.send(&event(2), None).unwrap();
    assert!(process.flush());
    assert_eq!(server.ids(), [id(1)]);
    let letters = process.sentry.dead_letters(10);
    assert_eq!(letters[0]["event_id"], id(2).as_str());
    assert_eq!(
        (&letters[0]["attempts"], &letters[0]["types"][0]),
        (&3.into(), &"event".into())
    );
    assert!(!letters.to_string().contains("0123456789abcdef"));
    assert_eq!(process.sentry.replay(letters[0]["id"].as_str()).unwrap(), 1);
    assert!(process.flush());
    assert_eq!(server.ids(), [id(1), id(2)]);
    assert_eq!(process.sentry.dead_letters(10).as_array().unwrap().len(), 0);
}

#[test]
fn response_of_sentry_is_final() {
    for (status, sent, failed, limited, lost) in [
        (200, 1, 0, 0, &[][..]),
        (202, 1, 0, 0, &[]),
        (429, 0, 0, 1, &[]),
        (413, 0, 1, 0, &[("send_error", "error", 1)]),
        (400, 0, 1, 0, &[("send_error", "error", 1)]),
        (403, 0, 1, 0, &[("send_error", "error", 1)]),
        (500, 0, 1, 0, &[("send_error", "error", 1)]),
        (503, 0, 1, 0, &[("send_error", "error", 1)]),
        (204, 1, 0, 0, &[]),
        (401, 0, 1, 0, &[("send_error", "error", 1)]),
        (404, 0, 1, 0, &[("send_error", "error", 1)]),
        (408, 0, 1, 0, &[("send_error", "error", 1)]),
        (502, 0, 1, 0, &[("send_error", "error", 1)]),
        (504, 0, 1, 0, &[("send_error", "error", 1)]),
        (302, 0, 1, 0, &[("send_error", "error", 1)]),
    ] {
        let server = FakeSentry::anywhere().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let process = TestProcess::open(dir.path(), settings(&server));
        server.behave(Behaviour::status(status).with("X-Sentry-Rate-Limits", "0:span:key"));
        process.sentry.send(&event(1), None).unwrap();
        assert!(process.flush());
        let counts =
            [Count::Sent, Count::Failed, Count::RateLimited].map(|count| process.count(count));
        assert_eq!(counts, [sent, failed, limited], "{status}");
        process
            .sentry
            .send(b"{}\n{\"type\":\"session\"}\n{}", None)
            .unwrap();
        assert!(process.flush());
        assert_eq!(reports(&server), losses(lost), "{status}");
        assert_eq!(process.count(Count::Retries), 0);
    }
}

#[test]
fn server_errors_are_retried_if_configured() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            server_errors: true,
            ..settings(&server)
        },
    );
    server.behave(Behaviour::status(503));
    server.behave(Behaviour::status(500));
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    assert_eq!(
        (process.count(Count::Retries), process.count(Count::Failed)),
        (1, 1)
    );
}

#[test]
fn rate_limit_removes_items_with_their_attachments() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(dir.path(), settings(&server));
    // A response with status 200 may contain limits.
    server.behave(Behaviour::status(200).with(
        "X-Sentry-Rate-Limits",
        "60:transaction:key, 2700:default;error:organization",
    ));
    process
        .sentry
        .send(b"{}\n{\"type\":\"session\"}\n{}", None)
        .unwrap();
    assert!(process.flush());
    let mixed = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{}}\n{{\"type\":\"attachment\",\"length\":3,\"filename\":\"a\"}}\nabc\n{{\"type\":\"session\"}}\n{{}}",
        id(5)
    );
    process.sentry.send(mixed.as_bytes(), None).unwrap();
    process.sentry.send(format!("{{\"event_id\":\"{}\"}}\n{{\"type\":\"transaction\"}}\n{{\"spans\":[{{}}]}}\n{{\"type\":\"profile\"}}\n{{}}", id(6)).as_bytes(), None).unwrap();
    assert!(process.flush());
    let items: Vec<_> = server
        .seen()
        .iter()
        .flat_map(|seen| {
            seen.items
                .iter()
                .map(|(head, _)| head["type"].as_str().unwrap().to_owned())
        })
        .filter(|kind| kind != "client_report")
        .collect();
    assert_eq!(items, ["session", "session"]);
    let lost = [
        ("ratelimit_backoff", "attachment", 3),
        ("ratelimit_backoff", "attachment_item", 1),
        ("ratelimit_backoff", "error", 1),
        ("ratelimit_backoff", "profile", 1),
        ("ratelimit_backoff", "span", 2),
        ("ratelimit_backoff", "transaction", 1),
    ];
    assert_eq!(reports(&server), losses(&lost));
    let status = process.sentry.status();
    assert!(
        status["rate_limits"]["error"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(status["rate_limits"].as_object().unwrap().len(), 3);
}

#[test]
fn rate_limit_holds_for_other_processes() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (
        TestProcess::open(dir.path(), settings(&server)),
        TestProcess::open(dir.path(), settings(&server)),
    );
    server.behave(Behaviour::status(429));
    one.sentry.send(&event(1), None).unwrap();
    assert!(one.flush());
    assert!(other.sentry.send(&event(2), None).unwrap());
    assert!(other.flush());
    assert_eq!(server.counts().envelopes, 1);
    assert_eq!(other.count(Count::RateLimited), 2);
}

#[test]
fn full_outbox_evicts_oldest_of_lowest_priority() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::without_sender(
        dir.path(),
        SentrySettings {
            buffer_size: 10,
            ..settings(&server)
        },
    );
    let send = |kind: &str| {
        let text = format!(
            "{{\"event_id\":\"{}\"}}\n{{\"type\":\"{kind}\"}}\n{{}}",
            id(1)
        );
        process.sentry.send(text.as_bytes(), None).unwrap()
    };
    assert!((0..5).all(|_| send("profile")));
    assert!((0..10).all(|_| send("event")));
    assert!(!send("profile"), "all queued envelopes matter more");
    process.sentry.send(&event(77), None).unwrap();
    process.runtime.spawn(Arc::clone(&process.sentry).run());
    assert!(process.flush());
    assert_eq!(server.ids().len(), 10);
    assert_eq!(server.ids()[9], id(77));
    assert_eq!(
        reports(&server),
        losses(&[
            ("queue_overflow", "error", 1),
            ("queue_overflow", "profile", 6)
        ])
    );
    assert_eq!(process.count(Count::Overflow), 7);
}

#[test]
fn connection_closed_while_idle_loses_no_envelope() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            workers: 1,
            ..settings(&server)
        },
    );
    let closing = Behaviour {
        then_close: true,
        ..Behaviour::default()
    }
    .times(0);
    server.behave(closing);
    for n in 0..20 {
        process.sentry.send(&event(n), None).unwrap();
        assert!(process.flush());
    }
    let mut ids = server.ids();
    ids.dedup();
    assert_eq!(ids, (0..20).map(id).collect::<Vec<_>>());
}

#[test]
fn shutdown_does_not_wait_for_an_unreachable_server() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let unreachable = "http://k@127.0.0.1:1/1";
    let slow = SentrySettings {
        initial_backoff: Duration::from_secs(600),
        max_backoff: Duration::from_secs(600),
        ..settings(&server)
    };
    let process = TestProcess::open(dir.path(), slow);
    process
        .sentry
        .send(&event(1), Some(unreachable.as_bytes()))
        .unwrap();
    wait_until("an attempt", || process.count(Count::Retries) == 1);
    assert!(!process.flush_within(Duration::from_millis(50)));
    let begun = Instant::now();
    process.sentry.shutdown(Duration::from_secs(30), false);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(process.sentry.status()["queue"]["queue_length"], 1);
}
