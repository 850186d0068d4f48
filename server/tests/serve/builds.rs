//! Clients that wait for a build: its failures, its progress, and clients that do not wait.

use std::time::Duration;

use pillion_engine::velox::delivery::Ticket;
use pillion_fakes::{Answer as Built, Options};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    client::{begin, read_head},
    test_host::{HOUR, TestHost, get, request, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn failed_build_has_the_status_of_its_cause() {
    let failure = Built::Error {
        status: 500,
        code: "internal".into(),
        message: "building plugins: no such tag".into(),
    };
    let options = Options::default().behave(failure);
    let host = TestHost::with(options, &[("velox_build_timeout", "2s")]);
    let mut running = host.start();
    let address = running.address().await;
    let failed = get(address, &host.link(&request("http")), &[]).await;
    let json = failed.json();
    assert_eq!(
        (failed.status, json["error"].as_str()),
        (502, Some("build_failed"))
    );
    assert!(json["message"].as_str().unwrap().contains("no such tag"));
    assert_eq!(json["request_id"], "123e4567-e89b-42d3-a456-426614174000");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn build_without_an_end_times_out() {
    let options = Options::default().behave(Built::Hang);
    let host = TestHost::with(options, &[("velox_build_timeout", "1s")]);
    let mut running = host.start();
    let address = running.address().await;
    let late = get(address, &host.link(&request("http")), &[]).await;
    assert_eq!(
        (late.status, late.json()["error"].as_str()),
        (504, Some("timeout"))
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_client_that_disconnects_ends_the_build() {
    let host = TestHost::new(Options::default().behave(Built::Hang));
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let first = begin(address, &link, &["Accept: text/event-stream"]).await;
    // With a body, as a front server passes that of its client on; more than is read with the head.
    let mut second = begin(address, &link, &["Content-Length: 60000"]).await;
    second.write_all(&[b'x'; 60_000]).await.unwrap();
    until("one build for both", || {
        host.fake.counters().builds_started == 1
    })
    .await;
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(host.fake.counters().builds_cancelled, 0);
    drop(second);
    until("the build is cancelled", || {
        host.fake.counters().builds_cancelled == 1
    })
    .await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_report_the_progress_and_the_end() {
    let host = TestHost::new(Options::default().delay(Duration::from_millis(300)));
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let mut stream = begin(address, &link, &["Accept: text/event-stream"]).await;
    let (head, mut body) = read_head(&mut stream).await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    stream.read_to_end(&mut body).await.unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains("event: progress\n"), "{text}");
    assert!(text.contains("\"state\":\"building\""), "{text}");
    let (_, done) = text
        .split_once("event: done\r\ndata: ")
        .or(text.split_once("event: done\ndata: "))
        .unwrap();
    let done: Value = serde_json::from_str(done.lines().next().unwrap()).unwrap();
    assert_eq!(done["url"], link.as_str());
    // The same page of a build that has ended.
    let after = get(address, &link, &["Accept: text/event-stream"]).await;
    assert!(
        after.text().starts_with("event: done\n"),
        "{}",
        after.text()
    );
    assert_eq!(
        get(address, &link, &[]).await.header("x-cache-status"),
        "HIT"
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_does_not_wait_comes_back_for_a_hit() {
    let host = TestHost::new(Options::default().delay(Duration::from_millis(200)));
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let prefer = "Prefer: respond-async, wait=10";
    let accepted = get(address, &link, &[prefer]).await;
    assert_eq!(
        (accepted.status, accepted.header("location")),
        (202, link.as_str())
    );
    assert!(accepted.header("retry-after").parse::<u32>().is_ok());
    assert_eq!(accepted.json()["status"], "building");
    until("the build has ended", || {
        host.fake.counters().builds_finished == 1
    })
    .await;
    loop {
        let answer = get(address, &link, &[prefer]).await;
        if answer.status == 200 {
            assert_eq!(answer.header("x-cache-status"), "HIT");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(host.fake.counters().builds_started, 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_ticket_builds_once() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let mut request = request("http");
    let plain = host.link(&request);
    assert_eq!(get(address, &plain, &[]).await.status, 200);
    request.force_rebuild = true;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = pillion_engine::host::clock::unix_ms();
    let forced = host.sign(&Ticket::issue(&request, now, HOUR));
    let built = get(address, &forced, &[]).await;
    assert_eq!(built.header("x-cache-status"), "MISS", "{}", built.text());
    // A resumed download of the same ticket builds nothing.
    let part = get(address, &forced, &["Range: bytes=10-"]).await;
    assert_eq!((part.status, part.header("x-cache-status")), (206, "HIT"));
    running.end().await;
}
