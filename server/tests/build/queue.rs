//! Concurrent builds, and their progress.

use std::{fs, time::Duration};

use serde_json::json;

use crate::test_server::{Answer, ID, TestServer, eventually, request};

#[tokio::test(flavor = "multi_thread")]
async fn builds_of_one_configuration_conflict_and_others_queue() {
    let server = TestServer::new().await;
    server.on(
        "build",
        "echo $$ >> $d/started; while [ ! -f $d/go-on ]; do sleep 0.02; done",
    );
    let of = |number: usize| {
        request(
            &json!({"request_id": ID.replace("11", &format!("{number:02}")), "debug": number == 1, "race": number == 2, "rr_version": if number == 3 { "v2025.1.8" } else { "v2025.1.9" }}),
        )
    };
    let mut streams = vec![server.begin(&of(0)).await];
    eventually("the first compiles", || {
        server.read_control("started").lines().count() == 1
    })
    .await;

    let busy = server.build(&request(&json!({}))).await;
    assert_eq!(busy.status, 409);
    let hash = busy
        .message()
        .replace("build ", "")
        .replace(" is already in progress", "");
    assert_eq!(
        busy.body,
        format!(r#"{{"code":"already_exists","message":"build {hash} is already in progress"}}"#)
    );

    streams.push(server.begin(&of(1)).await);
    eventually("the second compiles", || {
        server.read_control("started").lines().count() == 2
    })
    .await;
    streams.push(server.begin(&of(2)).await);
    let queued = format!("/builds/{}", of(2)["request_id"].as_str().unwrap());
    while server.get(&queued).await.status != 200 {}
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.get(&queued).await.json()["state"], "queued");
    assert_eq!(
        server.read_control("started").lines().count(),
        2,
        "two at once, and no more"
    );

    let refused = server.build(&of(3)).await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (503, Some("unavailable"))
    );
    assert_eq!(server.get("/health").await.json()["builds"], 3);

    fs::write(server.control("go-on"), "").unwrap();
    for stream in &mut streams {
        let answer = Answer::read(stream).await;
        assert!(answer.path().to_string_lossy().contains("/velox/"));
    }
    let first = request(&json!({}));
    assert!(
        server
            .build(&first)
            .await
            .path()
            .to_string_lossy()
            .contains(&hash)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_passes_all_states_and_remains_after_the_end() {
    let server = TestServer::new().await;
    let gate = "while [ ! -f $d/pass-$1 ]; do sleep 0.02; done";
    for command in ["env", "mod", "build"] {
        server.on(command, gate);
    }
    let report = format!("/builds/{ID}");
    assert_eq!(server.get(&report).await.json()["code"], "not_found");
    let mut stream = server.begin(&request(&json!({}))).await;
    for (state, command) in [
        ("preparing", "env"),
        ("downloading", "mod"),
        ("compiling", "build"),
    ] {
        loop {
            let answer = server.get(&report).await;
            if answer.status == 200 && answer.json()["state"] == state {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fs::write(server.control(&format!("pass-{command}")), "").unwrap();
    }
    Answer::read(&mut stream).await.path();
    let last = server.get(&report).await.json();
    assert_eq!(
        (last["state"].as_str(), last["request_id"].as_str()),
        (Some("done"), Some(ID))
    );
    assert!(last["elapsed"].as_f64().unwrap() > 0.0);
    assert_eq!(
        last["lines"],
        json!(["go: downloading a.b/c v1.0.0", "a.b/c"])
    );
}
