//! A build is stopped by its client, by a deadline, or by the server's shutdown: each time all its processes end and
//! its directory is removed.

use std::time::{Duration, Instant};

use pillion_server::{
    build::{CacheLimits, Options, Server},
    http::Tokens,
};
use serde_json::json;

use crate::test_server::{Answer, ID, TestServer, eventually, is_running, request};

/// A process and its child, both endless.
const ENDLESS: &str = "echo $$ > $d/leader; sleep 300 & echo $! > $d/child; wait";

fn all_gone(server: &TestServer) -> bool {
    !is_running(&server.read_control("leader"))
        && !is_running(&server.read_control("child"))
        && server.work_dirs() == 0
}

async fn compiling(server: &TestServer) {
    eventually("go runs with a child", || {
        !server.read_control("child").is_empty()
    })
    .await;
    assert!(
        is_running(&server.read_control("leader"))
            && is_running(&server.read_control("child"))
            && server.work_dirs() == 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_client_stops_its_build() {
    let server = TestServer::new().await;
    server.on("build", ENDLESS);
    let stream = server.begin(&request(&json!({}))).await;
    compiling(&server).await;
    drop(stream);
    eventually("everything is gone", || all_gone(&server)).await;
    let report = format!("/builds/{ID}");
    assert_eq!(server.get(&report).await.json()["state"], "failed");
    std::fs::remove_file(server.control("on-build")).unwrap();
    // The configuration stays registered until its processes have ended.
    loop {
        let answer = server.build(&request(&json!({}))).await;
        if answer.status != 409 {
            answer.path();
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_ignores_sigint_is_killed() {
    let server = TestServer::new().await;
    server.on("build", &format!("trap '' INT; {ENDLESS}"));
    let stream = server.begin(&request(&json!({}))).await;
    compiling(&server).await;
    let started = Instant::now();
    drop(stream);
    eventually("everything is gone", || all_gone(&server)).await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_timeout_stops_a_build() {
    let server =
        TestServer::with(|options| options.build_timeout = Duration::from_millis(700)).await;
    server.on("build", ENDLESS);
    let answer = server.build(&request(&json!({}))).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (504, Some("deadline_exceeded"))
    );
    assert!(answer.message().contains("--build-timeout"));
    eventually("everything is gone", || all_gone(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_closed_its_output_is_stopped() {
    let change = |options: &mut Options| options.build_timeout = Duration::from_millis(700);
    let server = TestServer::with(change).await;
    server.on("build", &format!("exec >&- 2>&-; {ENDLESS}"));
    let answer = server.build(&request(&json!({}))).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    eventually("everything is gone", || all_gone(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_deadline_stops_a_build() {
    let server = TestServer::new().await;
    server.on("build", ENDLESS);
    let body = request(&json!({})).to_string();
    let headers = ["Content-Type: application/json", "Connect-Timeout-Ms: 700"];
    let answer = server
        .ask(
            "POST",
            pillion_engine::velox::protocol::BUILD_PATH,
            &headers,
            body.as_bytes(),
        )
        .await;
    assert_eq!(
        answer.body,
        r#"{"code":"deadline_exceeded","message":"context deadline exceeded"}"#
    );
    eventually("everything is gone", || all_gone(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_build_of_a_disconnected_client_never_runs() {
    let server = TestServer::with(|options| options.max_builds = 1).await;
    server.on(
        "build",
        "echo x >> $d/built; while [ ! -f $d/go-on ]; do sleep 0.02; done",
    );
    let mut first = server.begin(&request(&json!({}))).await;
    eventually("the first compiles", || {
        !server.read_control("built").is_empty()
    })
    .await;
    let id = ID.replace("11", "22");
    let second = server
        .begin(&request(&json!({"debug": true, "request_id": id})))
        .await;
    let report = format!("/builds/{id}");
    while server.get(&report).await.status != 200 {}
    drop(second);
    while server.get(&report).await.json()["state"] != "failed" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::write(server.control("go-on"), "").unwrap();
    Answer::read(&mut first).await.path();
    assert_eq!(server.read_control("built").lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_stops_all_builds_and_answers_their_clients() {
    let mut server = TestServer::new().await;
    server.on("build", ENDLESS);
    let mut stream = server.begin(&request(&json!({}))).await;
    // An idle connection does not delay the shutdown.
    let _idle = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    compiling(&server).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(all_gone(&server));
    let answer = Answer::read(&mut stream).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (503, Some("unavailable"))
    );
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}

fn options(dir: &std::path::Path) -> Options {
    Options {
        dir: dir.to_owned(),
        max_builds: 1,
        max_queued: 1,
        build_timeout: Duration::from_secs(1),
        tokens: Tokens::default(),
        allow_local_replaces: false,
        cache_limits: CacheLimits::default(),
        environment: Vec::new(),
    }
}

#[test]
fn a_directory_has_one_server_and_is_cleaned_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let velox = dir.path().join("velox");
    let left = velox.join("work/0123/tmp/go-build1");
    std::fs::create_dir_all(&left).unwrap();
    let server = Server::open(options(&velox)).unwrap();
    assert!(!left.exists() && velox.join("work").exists());
    let error = Server::open(options(&velox)).unwrap_err().to_string();
    assert!(error.contains("another build server is running"), "{error}");
    drop(server);
    Server::open(options(&velox)).unwrap();
}

#[test]
fn a_link_or_a_world_writable_directory_is_an_error() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let (open, link) = (dir.path().join("open"), dir.path().join("link"));
    std::fs::create_dir(&open).unwrap();
    symlink(&open, &link).unwrap();
    let error = |path: &std::path::Path| Server::open(options(path)).unwrap_err().to_string();
    assert!(error(&link).contains("found a symbolic link"));
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(error(&open).contains("all users may write"));
}
