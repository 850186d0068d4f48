//! Builds that fail, and whose fault it is: the configuration's, the toolchain's, this machine's.

use std::fs;

use serde_json::json;

use crate::bench::{Bench, ID, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_compiler_is_told_with_the_last_8_kilobytes_of_what_it_said() {
    let bench = Bench::new().await;
    bench.on(
        "build",
        "yes 'x.go:1:1: noise' | head -n 2000 >&2; echo 'x.go:7:2: undefined: boom' >&2; exit 1",
    );
    let answer = bench.build(&request(&json!({}))).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (500, Some("internal"))
    );
    let message = answer.message();
    let (head, told) = message
        .split_once("--- stderr (last 8192 bytes) ---\n")
        .unwrap();
    assert_eq!(
        head,
        "building plugins: compile: go failed: exit status 1\n"
    );
    assert_eq!(told.len(), 8192);
    assert!(told.ends_with("undefined: boom\n"));
    assert_eq!(bench.rooms(), 0);
    let report = bench.get(&format!("/builds/{ID}")).await.json();
    assert_eq!(report["state"], "failed");
    assert_eq!(
        report["lines"].as_array().unwrap().last().unwrap(),
        "x.go:7:2: undefined: boom"
    );

    fs::remove_file(bench.control("on-build")).unwrap();
    bench.build(&request(&json!({}))).await.path();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tag_fails_as_go_says_and_one_that_resolves_to_another_version_is_refused() {
    let bench = Bench::new().await;
    bench.on(
        "mod",
        "echo 'go: a.b/c@v9.9.9: unknown revision v9.9.9' >&2; exit 1",
    );
    let message = bench.build(&request(&json!({}))).await.message();
    assert_eq!(
        message,
        "building plugins: go mod tidy: go failed: exit status 1\n--- stderr (last 44 bytes) ---\ngo: a.b/c@v9.9.9: unknown revision v9.9.9\n"
            .replace("last 44", &format!("last {}", "go: a.b/c@v9.9.9: unknown revision v9.9.9\n".len()))
    );
    bench.on("mod", "sed -i 's/v5\\.3\\.0/v5.4.0/' go.mod");
    let message = bench.build(&request(&json!({}))).await.message();
    assert!(
        message.starts_with("building plugins: plugin github.com/roadrunner-server/http/v5 resolved to v5.4.0 (you requested v5.3.0); "),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_old_go_is_told_with_the_version_that_is_needed() {
    let without = Bench::with(|options| options.environment[0].1 = "/nonexistent".into()).await;
    let message = without.build(&request(&json!({}))).await.message();
    assert!(
        message.contains("no `go` in PATH") && message.contains("Go 1.26.1"),
        "{message}"
    );

    let old = Bench::new().await;
    old.on(
        "env",
        "printf '{\"GOVERSION\":\"go1.24.3\",\"GOTOOLCHAIN\":\"local\"}'; exit",
    );
    let message = old.build(&request(&json!({}))).await.message();
    assert!(
        message
            .starts_with("building plugins: Go 1.26.1 or newer is needed for RoadRunner 2025.1.9"),
        "{message}"
    );
    assert!(message.ends_with("is go1.24.3"), "{message}");
    old.on(
        "env",
        "printf '{\"GOVERSION\":\"go1.24.3\",\"GOTOOLCHAIN\":\"auto\"}'; exit",
    );
    old.build(&request(&json!({}))).await.path();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_go_does_not_know_is_refused_with_those_it_knows() {
    let bench = Bench::new().await;
    let target = json!({"target_platform": {"os": "linux", "arch": "z80"}});
    let message = bench.build(&request(&target)).await.message();
    assert_eq!(
        message,
        "building plugins: unsupported GOOS/GOARCH pair linux/z80; there are linux/amd64, linux/arm64"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_this_machine_is_not_told_as_the_configurations() {
    let bench = Bench::new().await;
    let work = bench.dir.path().join("velox/work");
    fs::remove_dir_all(&work).unwrap();
    fs::write(&work, "in the way").unwrap();
    let answer = bench.build(&request(&json!({}))).await;
    assert_eq!(answer.status, 500);
    let message = answer.message();
    assert!(
        message.starts_with("the build server can't make a directory in ")
            && message.contains("work"),
        "{message}"
    );
    fs::remove_file(&work).unwrap();
    bench.build(&request(&json!({}))).await.path();

    bench.on(
        "build",
        "echo 'write /x: no space left on device' >&2; exit 1",
    );
    let full = bench.build(&request(&json!({"force_rebuild": true}))).await;
    assert!(
        full.message()
            .starts_with("the disk of the build server is full: "),
        "{full:?}"
    );
    bench.on(
        "mod",
        "echo 'dial tcp 127.0.0.1:9: connect: connection refused' >&2; exit 1",
    );
    let away = bench.build(&request(&json!({"force_rebuild": true}))).await;
    assert_eq!(
        (away.status, away.json()["code"].as_str()),
        (503, Some("unavailable"))
    );
}
