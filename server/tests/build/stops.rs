//! Everything that ends a build before its time: the client, the clock, the server. Each time all
//! processes are gone soon, and nothing is left on disk.

use std::time::{Duration, Instant};

use pillion_server::{
    build::{KeepLimits, Options, Server},
    http::Tokens,
};
use serde_json::json;

use crate::bench::{Answer, Bench, ID, eventually, lives, request};

/// Two generations that never end by themselves.
const ENDLESS: &str = "echo $$ > $d/leader; sleep 300 & echo $! > $d/child; wait";

fn all_gone(bench: &Bench) -> bool {
    !lives(&bench.told("leader")) && !lives(&bench.told("child")) && bench.rooms() == 0
}

async fn compiling(bench: &Bench) {
    eventually("go runs with a child", || !bench.told("child").is_empty()).await;
    assert!(lives(&bench.told("leader")) && lives(&bench.told("child")) && bench.rooms() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_build_along_and_the_next_one_can_build() {
    let bench = Bench::new().await;
    bench.on("build", ENDLESS);
    let stream = bench.begin(&request(&json!({}))).await;
    compiling(&bench).await;
    drop(stream);
    eventually("everything is gone", || all_gone(&bench)).await;
    let report = format!("/builds/{ID}");
    assert_eq!(bench.get(&report).await.json()["state"], "failed");
    std::fs::remove_file(bench.control("on-build")).unwrap();
    // The configuration is free a moment after its processes are gone.
    loop {
        let answer = bench.build(&request(&json!({}))).await;
        if answer.status != 409 {
            answer.path();
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_ignores_the_first_signal_is_killed_by_the_second() {
    let bench = Bench::new().await;
    bench.on("build", &format!("trap '' INT; {ENDLESS}"));
    let stream = bench.begin(&request(&json!({}))).await;
    compiling(&bench).await;
    let started = Instant::now();
    drop(stream);
    eventually("everything is gone", || all_gone(&bench)).await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_takes_too_long_is_stopped_by_the_servers_clock() {
    let bench = Bench::with(|options| options.build_timeout = Duration::from_millis(700)).await;
    bench.on("build", ENDLESS);
    let answer = bench.build(&request(&json!({}))).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (504, Some("deadline_exceeded"))
    );
    assert!(answer.message().contains("--build-timeout"));
    eventually("everything is gone", || all_gone(&bench)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_set_a_clock_of_its_own() {
    let bench = Bench::new().await;
    bench.on("build", ENDLESS);
    let body = request(&json!({})).to_string();
    let headers = ["Content-Type: application/json", "Connect-Timeout-Ms: 700"];
    let answer = bench
        .ask(
            "POST",
            pillion_server::build::BUILD_PATH,
            &headers,
            body.as_bytes(),
        )
        .await;
    assert_eq!(
        answer.body,
        r#"{"code":"deadline_exceeded","message":"context deadline exceeded"}"#
    );
    eventually("everything is gone", || all_gone(&bench)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_in_the_queue_and_leaves_is_never_built() {
    let bench = Bench::with(|options| options.max_builds = 1).await;
    bench.on(
        "build",
        "echo x >> $d/built; while [ ! -f $d/go-on ]; do sleep 0.02; done",
    );
    let mut first = bench.begin(&request(&json!({}))).await;
    eventually("the first compiles", || !bench.told("built").is_empty()).await;
    let id = ID.replace("11", "22");
    let second = bench
        .begin(&request(&json!({"debug": true, "request_id": id})))
        .await;
    let report = format!("/builds/{id}");
    while bench.get(&report).await.status != 200 {}
    drop(second);
    while bench.get(&report).await.json()["state"] != "failed" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::write(bench.control("go-on"), "").unwrap();
    Answer::read(&mut first).await.path();
    assert_eq!(bench.told("built").lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_end_stops_all_builds_and_tells_who_waits() {
    let mut bench = Bench::new().await;
    bench.on("build", ENDLESS);
    let mut stream = bench.begin(&request(&json!({}))).await;
    // An idle connection must not hold it up.
    let _idle = tokio::net::TcpStream::connect(bench.address).await.unwrap();
    compiling(&bench).await;
    let took = bench.stop().await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(all_gone(&bench));
    let answer = Answer::read(&mut stream).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (503, Some("unavailable"))
    );
    assert!(tokio::net::TcpStream::connect(bench.address).await.is_err());
}

fn options(dir: &std::path::Path) -> Options {
    Options {
        dir: dir.to_owned(),
        max_builds: 1,
        max_queued: 1,
        build_timeout: Duration::from_secs(1),
        tokens: Tokens::default(),
        allow_local_replaces: false,
        keep: KeepLimits::default(),
        environment: Vec::new(),
    }
}

#[test]
fn a_directory_belongs_to_one_server_which_clears_away_what_a_killed_one_left() {
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
fn a_directory_that_others_may_write_or_that_is_a_link_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let (open, link) = (dir.path().join("open"), dir.path().join("link"));
    std::fs::create_dir(&open).unwrap();
    symlink(&open, &link).unwrap();
    let told = |path: &std::path::Path| Server::open(options(path)).unwrap_err().to_string();
    assert!(told(&link).contains("is a symbolic link"));
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(told(&open).contains("may be written by everybody"));
}
