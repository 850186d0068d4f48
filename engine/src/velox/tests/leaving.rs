//! Who leaves, dies or loses patience, and what becomes of the build.

use std::time::Instant;

use pillion_fakes::{Answer, Behaviour};

use super::*;

#[tokio::test]
async fn the_last_callers_leaving_stops_the_request() {
    let host = Host::new(Options::default().behave(Answer::Hang));
    let processes = [host.velox(), host.velox()];
    let (first, stop_first) = begin(&processes[0], request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (second, stop_second) = begin(&processes[1], request("http"));
    until("two callers", || {
        let builds = processes[0].builds();
        builds
            .first()
            .is_some_and(|flying| flying["request_ids"].as_array().unwrap().len() == 2)
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
    let left = Instant::now();
    assert!(matches!(second.await.unwrap(), Err(Error::Cancelled(_))));
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
    assert!(left.elapsed() < Duration::from_secs(2));
    until("nothing in flight", || processes[0].builds().is_empty()).await;
}

#[tokio::test]
async fn a_dropped_build_is_a_caller_that_has_left() {
    let host = Host::new(Options::default().behave(Answer::Hang));
    let velox = host.velox();
    let (task, _cancel) = begin(&velox, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    task.abort();
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
}

#[tokio::test]
async fn a_runtime_that_ends_hands_its_flight_over_within_a_second() {
    let host = Host::new(Options::default().behave(Behaviour {
        times: Some(1),
        ..Answer::Hang.into()
    }));
    let (dying, heir) = (host.velox(), host.velox());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    {
        let _inside = runtime.enter();
        begin(&dying, request("http"));
    }
    until("a build", || host.counters().in_flight == 1).await;
    let (task, _) = begin(&heir, request("http"));
    until("a waiter", || {
        heir.builds()
            .iter()
            .any(|flying| flying["request_ids"].as_array().unwrap().len() == 2)
    })
    .await;
    let gone = Instant::now();
    runtime.shutdown_background();
    until("the heir asks", || host.counters().build_requests == 2).await;
    assert!(
        gone.elapsed() < Duration::from_secs(1),
        "{:?}",
        gone.elapsed()
    );
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_deadline_of_the_build_is_told_to_all_who_wait() {
    let mut host = Host::new(Options::default().behave(Answer::Hang));
    let patient = host.velox();
    host.settings.build_timeout = Duration::from_millis(800);
    let hasty = host.velox();
    let (leads, _) = begin(&hasty, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (waits, _) = begin(&patient, request("http"));
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
async fn one_who_waits_no_longer_leaves_the_others_alone() {
    let mut host = Host::new(Options::default().delay(Duration::from_millis(2500)));
    let patient = host.velox();
    host.settings.build_timeout = Duration::from_millis(200);
    let hasty = host.velox();
    let (leads, _) = begin(&patient, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    assert!(matches!(
        build(&hasty, request("http")).await,
        Err(Error::Timeout(_))
    ));
    leads.await.unwrap().unwrap();
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn one_who_leaves_the_queue_harms_nobody() {
    let host = Host::new(Options::default().delay(Duration::from_millis(400)));
    let velox = host.velox_with(Some(host.store()), 1);
    let (first, _) = begin(&velox, request("a"));
    until("a build", || host.counters().in_flight == 1).await;
    let (second, stop) = begin(&velox, request("b"));
    until("a queue", || {
        velox
            .builds()
            .iter()
            .any(|flying| flying["state"] == "queued")
    })
    .await;
    stop.cancel();
    assert!(matches!(second.await.unwrap(), Err(Error::Cancelled(_))));
    first.await.unwrap().unwrap();
    until("an empty sky", || velox.builds().is_empty()).await;
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn a_transfer_that_nobody_wants_any_more_leaves_nothing_behind() {
    let host = Host::new(Options::default().behave(Answer::Endless));
    let velox = host.velox();
    let (task, stop) = begin(&velox, request("http"));
    let temporary = host.dir.path().join("cache/.pillion/tmp");
    let files = || std::fs::read_dir(&temporary).map_or(0, Iterator::count);
    until("a transfer", || files() > 0).await;
    stop.cancel();
    assert!(task.await.unwrap().is_err());
    until("no temporary file", || files() == 0).await;
}
