//! Cancellation, timeouts and stopped runtimes.

use std::time::Instant;

use pillion_fakes::{Answer, Behaviour};

use super::*;

#[tokio::test]
async fn last_unsubscription_cancels_the_request() {
    let host = Host::new(Options::default().behave(Answer::Hang));
    let processes = [host.velox(), host.velox()];
    let (first, stop_first) = spawn(&processes[0], request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (second, stop_second) = spawn(&processes[1], request("http"));
    until("two subscribers", || {
        let builds = processes[0].builds();
        builds
            .first()
            .is_some_and(|active| active["request_ids"].as_array().unwrap().len() == 2)
    })
    .await;
    stop_first.cancel();
    assert!(matches!(first.await.unwrap(), Err(Error::Cancelled(_))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (host.counters().in_flight, host.counters().build_requests),
        (1, 1)
    );
    stop_second.cancel();
    let cancelled = Instant::now();
    assert!(matches!(second.await.unwrap(), Err(Error::Cancelled(_))));
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
    assert!(cancelled.elapsed() < Duration::from_secs(2));
    until("nothing in flight", || processes[0].builds().is_empty()).await;
}

#[tokio::test]
async fn dropped_build_cancels_the_request() {
    let host = Host::new(Options::default().behave(Answer::Hang));
    let velox = host.velox();
    let (task, _cancel) = spawn(&velox, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    task.abort();
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
}

#[tokio::test]
async fn flight_of_a_stopped_runtime_is_taken_over_in_a_second() {
    let host = Host::new(Options::default().behave(Behaviour {
        times: Some(1),
        ..Answer::Hang.into()
    }));
    let (dying, successor) = (host.velox(), host.velox());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    {
        let _inside = runtime.enter();
        spawn(&dying, request("http"));
    }
    until("a build", || host.counters().in_flight == 1).await;
    let (task, _) = spawn(&successor, request("http"));
    until("a follower", || {
        successor
            .builds()
            .iter()
            .any(|active| active["request_ids"].as_array().unwrap().len() == 2)
    })
    .await;
    let stopped = Instant::now();
    runtime.shutdown_background();
    until("the request of the successor", || {
        host.counters().build_requests == 2
    })
    .await;
    assert!(
        stopped.elapsed() < Duration::from_secs(1),
        "{:?}",
        stopped.elapsed()
    );
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn build_timeout_reaches_all_subscribers() {
    let mut host = Host::new(Options::default().behave(Answer::Hang));
    let patient = host.velox();
    host.settings.build_timeout = Duration::from_millis(800);
    let hasty = host.velox();
    let (leads, _) = spawn(&hasty, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (waits, _) = spawn(&patient, request("http"));
    for task in [leads, waits] {
        let end = task.await.unwrap();
        assert!(
            matches!(&end, Err(Error::Timeout(text)) if text == "build exceeded 800ms timeout"),
            "{end:?}"
        );
    }
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn timeout_of_one_subscriber_does_not_end_the_build() {
    let mut host = Host::new(Options::default().delay(Duration::from_millis(2500)));
    let patient = host.velox();
    host.settings.build_timeout = Duration::from_millis(200);
    let hasty = host.velox();
    let (leads, _) = spawn(&patient, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    assert!(matches!(
        build(&hasty, request("http")).await,
        Err(Error::Timeout(_))
    ));
    leads.await.unwrap().unwrap();
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn cancelled_queued_build_leaves_the_others_running() {
    let host = Host::new(Options::default().delay(Duration::from_millis(400)));
    let velox = host.velox_with(Some(host.store()), 1);
    let (first, _) = spawn(&velox, request("a"));
    until("a build", || host.counters().in_flight == 1).await;
    let (second, stop) = spawn(&velox, request("b"));
    until("a queue", || {
        velox
            .builds()
            .iter()
            .any(|active| active["state"] == "queued")
    })
    .await;
    stop.cancel();
    assert!(matches!(second.await.unwrap(), Err(Error::Cancelled(_))));
    first.await.unwrap().unwrap();
    until("no active build", || velox.builds().is_empty()).await;
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn cancelled_transfer_removes_its_temporary_file() {
    let host = Host::new(Options::default().behave(Answer::Endless));
    let velox = host.velox();
    let (task, stop) = spawn(&velox, request("http"));
    let temporary = host.dir.path().join("cache/.pillion/tmp");
    let files = || std::fs::read_dir(&temporary).map_or(0, Iterator::count);
    until("a transfer", || files() > 0).await;
    stop.cancel();
    assert!(task.await.unwrap().is_err());
    until("no temporary file", || files() == 0).await;
}
