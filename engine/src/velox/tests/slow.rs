//! A server that is slow, silent or busy.

use pillion_fakes::{Answer, Behaviour, Delivery, Gzip};

use super::*;

#[tokio::test]
async fn silent_server_is_retried_after_the_idle_timeout() {
    let mut host = Host::new(Options::default().behave(Behaviour {
        delivery: Delivery {
            stall_at: Some(9000),
            ..Delivery::default()
        },
        ..once(Answer::Bytes {
            size: Some(300_000),
            gzip: Gzip::No,
            keep: None,
            content_type: None,
        })
    }));
    host.settings.request_timeout = Duration::from_millis(200);
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 2);
}

#[tokio::test]
async fn build_may_exceed_request_timeout_but_not_build_timeout() {
    let mut host = Host::new(Options::default().delay(Duration::from_millis(600)));
    host.settings.request_timeout = Duration::from_millis(100);
    build(&host.velox(), request("http")).await.unwrap();
    host.settings.build_timeout = Duration::from_millis(300);
    let late = build(&host.velox(), request("grpc")).await;
    assert!(
        matches!(&late, Err(Error::Timeout(text)) if text == "build exceeded 300ms timeout"),
        "{late:?}"
    );
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
}

#[tokio::test]
async fn slow_but_steady_answer_is_received() {
    let mut host = Host::new(Options::default().behave(Delivery {
        drip_ms: Some(2),
        ..Delivery::default()
    }));
    host.settings.request_timeout = Duration::from_millis(500);
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn endless_conflict_ends_at_the_build_timeout() {
    let mut host = Host::new(Options::default().behave(Answer::Busy));
    host.settings.build_timeout = Duration::from_millis(700);
    assert!(matches!(
        build(&host.velox(), request("http")).await,
        Err(Error::Timeout(_))
    ));
    assert!(host.counters().conflicts > host.settings.retry.max_attempts.into());
}
