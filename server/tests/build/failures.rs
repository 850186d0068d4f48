//! Builds that fail by a fault of the configuration, of the toolchain, or of this machine.

use std::fs;

use serde_json::json;

use crate::test_server::{ID, TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_error_has_the_last_8_kilobytes_of_output() {
    let server = TestServer::new().await;
    server.on(
        "build",
        "yes 'x.go:1:1: noise' | head -n 2000 >&2; echo 'x.go:7:2: undefined: boom' >&2; exit 1",
    );
    let answer = server.build(&request(&json!({}))).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (500, Some("internal"))
    );
    let message = answer.message();
    let (head, output) = message
        .split_once("--- stderr (last 8192 bytes) ---\n")
        .unwrap();
    assert_eq!(
        head,
        "building plugins: compile: go failed: exit status: 1\n"
    );
    assert_eq!(output.len(), 8192);
    assert!(output.ends_with("undefined: boom\n"));
    assert_eq!(server.work_dirs(), 0);
    let report = server.get(&format!("/builds/{ID}")).await.json();
    assert_eq!(report["state"], "failed");
    assert_eq!(
        report["lines"].as_array().unwrap().last().unwrap(),
        "x.go:7:2: undefined: boom"
    );

    fs::remove_file(server.control("on-build")).unwrap();
    server.build(&request(&json!({}))).await.path();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tag_and_another_selected_version_fail() {
    let server = TestServer::new().await;
    server.on(
        "mod",
        "echo 'go: a.b/c@v9.9.9: unknown revision v9.9.9' >&2; exit 1",
    );
    let message = server.build(&request(&json!({}))).await.message();
    assert_eq!(
        message,
        "building plugins: go mod tidy: go failed: exit status: 1\n--- stderr (last 44 bytes) ---\ngo: a.b/c@v9.9.9: unknown revision v9.9.9\n"
            .replace("last 44", &format!("last {}", "go: a.b/c@v9.9.9: unknown revision v9.9.9\n".len()))
    );
    server.on("mod", "sed -i 's/v5\\.3\\.0/v5.4.0/' go.mod");
    let message = server.build(&request(&json!({}))).await.message();
    assert!(
        message.starts_with("building plugins: plugin github.com/roadrunner-server/http/v5 resolved to v5.4.0 (you requested v5.3.0); "),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_old_go_fails_with_the_required_version() {
    let without =
        TestServer::with(|options| options.environment[0].1 = "/nonexistent".into()).await;
    let message = without.build(&request(&json!({}))).await.message();
    assert!(
        message.contains("no `go` in PATH") && message.contains("Go 1.26.1"),
        "{message}"
    );

    let old = TestServer::new().await;
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
async fn an_unknown_target_fails_with_the_known_ones() {
    let server = TestServer::new().await;
    let target = json!({"target_platform": {"os": "linux", "arch": "z80"}});
    let message = server.build(&request(&target)).await.message();
    assert_eq!(
        message,
        "building plugins: unsupported GOOS/GOARCH pair linux/z80; there are linux/amd64, linux/arm64"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_machine_have_no_permanent_prefix() {
    let server = TestServer::new().await;
    let work = server.dir.path().join("velox/work");
    fs::remove_dir_all(&work).unwrap();
    fs::write(&work, "in the way").unwrap();
    let answer = server.build(&request(&json!({}))).await;
    assert_eq!(answer.status, 500);
    let message = answer.message();
    assert!(
        message.starts_with("the build server can't make a directory in ")
            && message.contains("work"),
        "{message}"
    );
    fs::remove_file(&work).unwrap();
    server.build(&request(&json!({}))).await.path();

    server.on(
        "build",
        "echo 'write /x: no space left on device' >&2; exit 1",
    );
    let full = server
        .build(&request(&json!({"force_rebuild": true})))
        .await;
    assert!(
        full.message()
            .starts_with("the disk of the build server is full: "),
        "{full:?}"
    );
    server.on(
        "mod",
        "echo 'dial tcp 127.0.0.1:9: connect: connection refused' >&2; exit 1",
    );
    let away = server
        .build(&request(&json!({"force_rebuild": true})))
        .await;
    assert_eq!(
        (away.status, away.json()["code"].as_str()),
        (503, Some("unavailable"))
    );
}
