//! The progress of builds, for subscribers, other processes and status.

use std::sync::Mutex;

use pillion_fakes::{Answer, Progress as Endpoint, Script};

use super::*;

fn with_progress(delay: u64) -> Options {
    Options {
        script: Script {
            progress: Some(Endpoint::On),
            delay_ms: Some(delay),
            ..Script::default()
        },
        ..Options::default()
    }
}

#[tokio::test]
async fn log_lines_of_the_server_reach_all_subscribers() {
    let host = Host::new(with_progress(2500));
    let (leader, follower) = (host.velox(), host.velox());
    let asked = request("http");
    let id = asked.request_id.clone();
    let (task, _) = spawn(&leader, asked);
    until("a build", || host.counters().in_flight == 1).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&seen);
    let waiter = {
        let follower = follower.clone();
        tokio::spawn(async move {
            let record = |progress: &Progress| recorded.lock().unwrap().push(progress.clone());
            follower
                .build(request("http"), &CancellationToken::new(), record)
                .await
        })
    };
    until("the last line", || {
        let status = follower.status(&id);
        status.is_some_and(|status| {
            status["lines"]
                .as_array()
                .unwrap()
                .iter()
                .any(|line| line == "linking rr")
        })
    })
    .await;
    let status = leader.status(&id).unwrap();
    assert_eq!(status["state"], "building");
    assert_eq!(status["os"], "linux");
    assert!(status["elapsed"].as_f64().unwrap() > 0.4);
    assert_eq!(leader.builds().len(), 1);
    assert_eq!(follower.builds().len(), 1);
    task.await.unwrap().unwrap();
    waiter.await.unwrap().unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(
        seen.iter()
            .any(|progress| progress.phase == Phase::Building && !progress.lines.is_empty())
    );
    until("its outcome", || {
        follower
            .status(&id)
            .is_some_and(|status| status["state"] == "done")
    })
    .await;
    assert_eq!(follower.status("unknown"), None);
}

#[tokio::test]
async fn server_without_progress_is_asked_once() {
    let host = Host::new(Options::default().delay(Duration::from_millis(1800)));
    let velox = host.velox();
    build(&velox, request("http")).await.unwrap();
    build(&velox, request("grpc")).await.unwrap();
    assert_eq!(host.counters().progress_requests, 1);
}

#[tokio::test]
async fn broken_progress_does_not_fail_a_build() {
    for endpoint in [Endpoint::Broken, Endpoint::Garbage, Endpoint::Hang] {
        let mut options = with_progress(1300);
        options.script.progress = Some(endpoint);
        let host = Host::new(options);
        build(&host.velox(), request("http")).await.unwrap();
        assert!(host.counters().progress_requests > 0);
    }
}

#[tokio::test]
async fn status_of_a_failed_build_has_its_error() {
    let host = Host::new(Options::default().behave(Answer::failure("building plugins: no")));
    let velox = host.velox();
    let asked = request("http");
    let id = asked.request_id.clone();
    assert!(build(&velox, asked).await.is_err());
    let status = host.velox().status(&id).unwrap();
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("failed"), &json!("build_failed"))
    );
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .ends_with("building plugins: no")
    );
}

#[tokio::test]
async fn invalid_request_is_counted() {
    let before = crate::metrics::velox::ERRORS.get_for(&["validation"]);
    assert!(Velox::parse_request(&json!({})).is_err());
    assert!(crate::metrics::velox::ERRORS.get_for(&["validation"]) > before);
}
