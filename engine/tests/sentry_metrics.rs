//! The page of metrics and `Sentry\metrics()` agree. A program of its own: some numbers on the page are those of a
//! whole process.

use std::{sync::Arc, time::Duration};

use pillion_engine::{
    config::{Dsn, SentrySettings, Settings},
    metrics::{Format, Reading, render, snapshot},
    sentry::{Sentry, SentryDirs},
};
use pillion_fakes::{FakeSentry, sentry::Behaviour};

/// A number on the page, summed over its series; a histogram's count.
fn on_the_page(name: &str, sentry: &Sentry) -> u64 {
    let family = snapshot(&[sentry])
        .into_iter()
        .find(|family| family.name == name);
    let samples = family.map(|family| family.samples).unwrap_or_default();
    assert!(!samples.is_empty(), "{name}");
    let numbers = samples.iter().map(|sample| match &sample.reading {
        Reading::Number(number) => *number as u64,
        Reading::Buckets { count, .. } | Reading::Total { count, .. } => *count,
    });
    numbers.sum()
}

fn event(n: usize) -> Vec<u8> {
    format!("{{\"event_id\":\"{n:032x}\"}}\n{{\"type\":\"event\"}}\n{{}}").into_bytes()
}

#[test]
fn page_and_sentry_metrics_agree() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let dirs = SentryDirs {
        run: Some(dir.path().join("run")),
        state: Some(dir.path().join("state")),
        ..SentryDirs::default()
    };
    std::fs::create_dir_all(dir.path().join("run")).unwrap();
    std::fs::create_dir_all(dir.path().join("state")).unwrap();
    let settings = SentrySettings {
        dsn: Some(Dsn::parse(&server.dsn(1)).unwrap()),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        max_attempts: 2,
        workers: 1,
        buffer_size: 5,
        max_payload_size: 1 << 20,
        ..Settings::default().sentry
    };
    let sentry = Arc::new(Sentry::open(settings, dirs.clone()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    // Dropped for newer ones, refused for its size.
    for n in 0..9 {
        assert!(sentry.send(&event(n), None).unwrap());
    }
    let huge = [event(77), vec![b' '; 2 << 20]].concat();
    assert!(!sentry.send(&huge, None).unwrap());
    assert_eq!(on_the_page("sentry_events_accepted_total", &sentry), 9);
    // Given up, refused, silenced, delivered; each on its own.
    let mut gone = Behaviour::default().times(2);
    gone.delivery.drop_at = Some(0);
    for behaviour in [gone, Behaviour::status(413), Behaviour::status(200)] {
        server.behave(behaviour);
    }
    runtime.spawn(Arc::clone(&sentry).run());
    let flush = || {
        let flushing = Arc::clone(&sentry).flush();
        let ended = runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), flushing).await });
        assert!(ended.unwrap());
    };
    flush();
    server.behave(Behaviour::status(429));
    sentry.send(&event(100), None).unwrap();
    flush();
    sentry.send(&event(101), None).unwrap();
    flush();
    let metrics = sentry.metrics();
    for (key, name) in [
        ("events_accepted", "sentry_events_accepted_total"),
        ("events_sent", "sentry_events_sent_total"),
        ("events_failed", "sentry_events_failed_total"),
        ("events_rate_limit", "sentry_events_rate_limit_total"),
        ("events_dropped", "sentry_events_dropped_total"),
        ("events_too_large", "sentry_events_too_large_total"),
        ("events_adopted", "sentry_events_adopted_total"),
        ("events_torn", "sentry_events_torn_total"),
        ("events_replayed", "sentry_events_replayed_total"),
        ("dead_letters", "sentry_dead_letters_total"),
        ("total_retries", "sentry_retries_total"),
        ("bytes_sent", "sentry_sent_bytes_total"),
        ("queue_length", "sentry_queue_length"),
        ("requests", "sentry_request_duration_seconds"),
        ("events_sent", "sentry_processing_duration_seconds"),
    ] {
        assert_eq!(
            metrics[key].as_u64(),
            Some(on_the_page(name, &sentry)),
            "{key}: {metrics}"
        );
    }
    let positive = [
        "events_sent",
        "events_failed",
        "events_rate_limit",
        "events_dropped",
        "dead_letters",
        "total_retries",
    ];
    for key in positive {
        assert!(
            metrics[key].as_u64() > Some(0),
            "{key} was never counted: {metrics}"
        );
    }
    // Another process, without a transport, reads the same.
    let unopened = snapshot(&[&dirs]);
    assert_eq!(unopened, snapshot(&[&*sentry]));
    let page = render(&snapshot(&[&*sentry]), Format::Prometheus);
    for line in [
        "sentry_lost_items_total{reason=\"queue_overflow\",category=\"error\"} 4",
        "sentry_lost_items_total{reason=\"send_error\",category=\"error\"} 1",
        "sentry_lost_items_total{reason=\"ratelimit_backoff\",category=\"error\"} 1",
        "sentry_lost_items_total{reason=\"network_error\",category=\"error\"} 0",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}
