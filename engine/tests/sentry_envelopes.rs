//! What goes over the wire, read by Sentry's own crate `sentry-types`, which has a parser for most items. Those that it
//! has none for are named here, so that the day it learns them is noticed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what the tests share is test code too"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::{
    config::{Dsn, SentrySettings, Settings},
    sentry::{Sentry, SentryDirs},
};
use pillion_fakes::{FakeSentry, sentry::Behaviour};
use sentry_types::protocol::v7::{Envelope, EnvelopeItem, ItemContainer};
use serde_json::json;

/// Has the room send those envelopes and events, in its own time, and gives what arrived.
fn arrived(server: &FakeSentry, send: impl FnOnce(&Sentry)) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let settings = SentrySettings {
        batch_timeout: Duration::from_millis(100),
        ..settings(server)
    };
    let sentry = Arc::new(Sentry::open(settings, places(dir.path())).unwrap());
    send(&sentry);
    let runtime = runtime();
    runtime.spawn(Arc::clone(&sentry).run());
    // No flush: that would have nothing wait for company.
    let begun = Instant::now();
    while sentry.queued() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "some wait still");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.seen().into_iter().map(|seen| seen.bytes).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn settings(server: &FakeSentry) -> SentrySettings {
    SentrySettings {
        dsn: Some(Dsn::parse(&server.dsn(1)).unwrap()),
        ..Settings::default().sentry
    }
}

fn places(dir: &Path) -> SentryDirs {
    std::fs::create_dir(dir.join("run")).unwrap();
    SentryDirs {
        run: Some(dir.join("run")),
        state: Some(dir.join("state")),
        ..SentryDirs::default()
    }
}

fn parse(bytes: &[u8]) -> Envelope {
    Envelope::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(bytes)))
}

fn container(kind: &str, items: &[serde_json::Value]) -> Vec<u8> {
    let plural = kind.replace('_', "-");
    let head = json!({ "type": kind, "item_count": items.len(), "content_type": format!("application/vnd.sentry.items.{plural}+json") });
    format!("{{}}\n{head}\n{}\n", json!({ "items": items })).into_bytes()
}

#[test]
fn events_and_transactions_made_of_arrays_are_what_sentry_reads() {
    let server = FakeSentry::anywhere().unwrap();
    let (mut error, mut transaction) = (String::new(), String::new());
    let envelopes = arrived(&server, |sentry| {
        let made = |event| sentry.capture(event, None).unwrap().unwrap().event_id;
        error = made(json!({
            "message": "the disk is full",
            "level": "fatal",
            "tags": { "disk": "/srv" },
            "exception": { "values": [{ "type": "RuntimeException", "value": "no space", "stacktrace": { "frames": [{ "function": "write", "lineno": 7 }] } }] },
            "breadcrumbs": { "values": [{ "timestamp": 1_795_251_931.5, "category": "query", "message": "SELECT 1" }] },
        }));
        transaction = made(json!({
            "type": "transaction",
            "transaction": "GET /",
            "start_timestamp": "2026-11-21T10:00:00.25Z",
            "contexts": { "trace": { "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "op": "http.server" } },
            "spans": [],
        }));
    });
    assert_eq!(envelopes.len(), 2);
    let mut told = Vec::new();
    for envelope in envelopes.iter().map(|bytes| parse(bytes)) {
        let id = envelope.uuid().unwrap().simple().to_string();
        assert!(envelope.headers() != &Default::default());
        for item in envelope.items() {
            match item {
                EnvelopeItem::Event(event) => {
                    assert_eq!(event.event_id.simple().to_string(), error);
                    assert_eq!(event.message.as_deref(), Some("the disk is full"));
                    assert_eq!(event.level, sentry_types::protocol::v7::Level::Fatal);
                    assert_eq!(event.platform, "php");
                    assert_eq!(event.exception.values[0].ty, "RuntimeException");
                    told.push((id.clone(), "event"));
                }
                EnvelopeItem::Transaction(found) => {
                    assert_eq!(found.name.as_deref(), Some("GET /"));
                    assert!(found.timestamp.is_some());
                    told.push((id.clone(), "transaction"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    told.sort_by_key(|(_, kind)| *kind);
    assert_eq!(told, [(error, "event"), (transaction, "transaction")]);
}

#[test]
fn containers_that_were_joined_or_split_are_what_sentry_reads() {
    let server = FakeSentry::anywhere().unwrap();
    let log = |n: usize| json!({ "timestamp": 1_795_251_931.5, "trace_id": "0af7651916cd43dd8448eb211c80319c", "level": "info", "body": format!("log {n}"), "attributes": { "n": { "value": n, "type": "integer" } } });
    let metric = |n: usize| json!({ "timestamp": 1_795_251_931.5, "trace_id": "0af7651916cd43dd8448eb211c80319c", "type": "counter", "name": "visits", "value": n as f64 });
    let envelopes = arrived(&server, |sentry| {
        for n in 0..5 {
            assert!(sentry.send(&container("log", &[log(n)]), None).unwrap());
            assert!(
                sentry
                    .send(&container("trace_metric", &[metric(n)]), None)
                    .unwrap()
            );
        }
        let many: Vec<_> = (5..255).map(log).collect();
        assert!(sentry.send(&container("log", &many), None).unwrap());
    });
    let (mut logs, mut metrics) = (Vec::new(), 0);
    for envelope in envelopes.iter().map(|bytes| parse(bytes)) {
        for item in envelope.into_items() {
            match item {
                EnvelopeItem::ItemContainer(ItemContainer::Logs(found)) => {
                    assert!(found.len() <= 100);
                    logs.extend(found.into_iter().map(|log| log.body));
                }
                EnvelopeItem::ItemContainer(ItemContainer::Metrics(found)) => {
                    metrics += found.len()
                }
                other => panic!("{other:?}"),
            }
        }
    }
    logs.sort();
    let mut expected: Vec<_> = (0..255).map(|n| format!("log {n}")).collect();
    expected.sort();
    assert_eq!((logs, metrics), (expected, 5));
    assert!(envelopes.len() < 11, "{} envelopes", envelopes.len());
}

#[test]
fn foreign_items_and_client_reports_are_valid_envelopes() {
    let server = FakeSentry::anywhere().unwrap();
    server.behave(Behaviour::status(200).with("X-Sentry-Rate-Limits", "60:error:key"));
    let check_in = json!({ "check_in_id": "83a7c03ed0a04e1b97e2e3b18d38f244", "monitor_slug": "nightly", "status": "ok" });
    let session = json!({ "sid": "7c7b6585-f901-4351-bf8d-02711b721929", "init": true, "started": "2026-11-21T10:00:00Z", "status": "exited", "errors": 0, "attrs": { "release": "shop@1" } });
    let dir = tempfile::tempdir().unwrap();
    let sentry = Arc::new(Sentry::open(settings(&server), places(dir.path())).unwrap());
    let runtime = runtime();
    runtime.spawn(Arc::clone(&sentry).run());
    let flush = || {
        let flush = Arc::clone(&sentry).flush();
        let limited = async { tokio::time::timeout(Duration::from_secs(60), flush).await };
        assert!(runtime.block_on(limited).unwrap());
    };
    let event = b"{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"sent_at\":\"2020-01-01T00:00:00Z\"}\n{\"type\":\"event\",\"length\":16}\n{\"message\":\"hi\"}\n{\"type\":\"attachment\",\"length\":5,\"filename\":\"a.bin\"}\na\nb\n\xff\n";
    assert!(sentry.send(event, None).unwrap());
    flush();
    // Alone: of a lost attachment the category attachment_item is reported too, which Sentry has and the crate has not.
    assert!(sentry.send(b"{}\n{\"type\":\"event\"}\n{}", None).unwrap());
    for (kind, payload) in [("check_in", &check_in), ("session", &session)] {
        let envelope = format!("{{}}\n{{\"type\":\"{kind}\"}}\n{payload}");
        assert!(sentry.send(envelope.as_bytes(), None).unwrap());
    }
    flush();
    let mut kinds = Vec::new();
    for envelope in server.seen().iter().map(|seen| parse(&seen.bytes)) {
        for item in envelope.into_items() {
            kinds.push(match item {
                EnvelopeItem::Event(_) => "event",
                EnvelopeItem::Attachment(attachment) => {
                    assert_eq!(attachment.buffer, b"a\nb\n\xff");
                    "attachment"
                }
                EnvelopeItem::MonitorCheckIn(_) => "check_in",
                EnvelopeItem::SessionUpdate(_) => "session",
                EnvelopeItem::ClientReport(report) => {
                    let text = serde_json::to_string(&report).unwrap();
                    assert!(
                        text.contains("ratelimit_backoff") && text.contains("\"error\""),
                        "{text}"
                    );
                    "client_report"
                }
                other => panic!("{other:?}"),
            });
        }
    }
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "attachment",
            "check_in",
            "client_report",
            "event",
            "session"
        ]
    );
}

/// What a report says is kept when it is refused; a flush must not offer it again and again.
#[test]
fn refused_client_report_causes_no_further_request() {
    let server = FakeSentry::anywhere().unwrap();
    server.behave(Behaviour::status(403).times(0));
    let dir = tempfile::tempdir().unwrap();
    let sentry = Arc::new(Sentry::open(settings(&server), places(dir.path())).unwrap());
    let runtime = runtime();
    runtime.spawn(Arc::clone(&sentry).run());
    for n in 1..4 {
        assert!(sentry.send(b"{}\n{\"type\":\"event\"}\n{}", None).unwrap());
        let flush = Arc::clone(&sentry).flush();
        let limited = async { tokio::time::timeout(Duration::from_secs(30), flush).await };
        assert!(runtime.block_on(limited).unwrap());
        // Each event once, and one report alone.
        assert_eq!(server.counts().envelopes, n + 1);
    }
}

/// These go through as they are; the grammar of the fake Sentry is the only judge of them here.
#[test]
fn items_that_the_crate_has_no_parser_for_are_these() {
    for kind in [
        "span",
        "profile",
        "profile_chunk",
        "replay_event",
        "replay_recording",
        "feedback",
        "user_report",
        "statsd",
        "otel_log",
    ] {
        let envelope = format!("{{}}\n{{\"type\":\"{kind}\",\"length\":2}}\n{{}}\n");
        assert!(
            Envelope::from_slice(envelope.as_bytes()).is_err(),
            "it reads {kind} now: a test of its own is due"
        );
    }
}
