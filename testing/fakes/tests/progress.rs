//! The progress endpoint, which the real server does not have.

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use pillion_fakes::{Answer, Options, Progress, Script};
use serde_json::json;
use support::{begin, build, connect, eventually, get, http, request, request_with, server};

const PROGRESS: &str = "/builds/0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11";

#[test]
fn progress_has_state_time_and_lines_of_each_build() {
    let lines = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let script = Script {
        progress: Some(Progress::On),
        progress_lines: Some(lines),
        delay_ms: Some(1000),
        ..Script::default()
    };
    let server = server(Options {
        script,
        ..Options::default()
    });
    assert_eq!(get(&server, PROGRESS).status, 404);
    let mut stream = begin(&server, &request());
    eventually("the build begins", || server.counters().in_flight == 1);
    let early = get(&server, PROGRESS).json();
    assert_eq!(
        (&early["state"], &early["lines"][0]),
        (&json!("building"), &json!("a"))
    );
    assert!(
        early["elapsed"].as_f64().unwrap() < 1.0 && early["lines"].as_array().unwrap().len() < 4
    );
    stream.read_exact(&mut [0; 12]).unwrap();
    let late = get(&server, PROGRESS).json();
    assert_eq!(
        (&late["state"], &late["lines"]),
        (&json!("done"), &json!(["a", "b", "c", "d"]))
    );
    server.behave(Answer::failure("no"));
    build(&server, &request_with(json!({"force_rebuild": true})));
    assert_eq!(get(&server, PROGRESS).json()["state"], "failed");
    assert_eq!(server.counters().progress_requests, 4);
}

#[test]
fn progress_answers_garbage_an_error_or_nothing() {
    let server = server(Options::default());
    let told = |mode| {
        server.apply(&Script {
            progress: Some(mode),
            ..Script::default()
        });
        let answer = get(&server, PROGRESS);
        (answer.status, answer.text())
    };
    assert_eq!(told(Progress::Broken).0, 500);
    assert_eq!(told(Progress::Garbage), (200, "{\"state\":".into()));
    server.apply(&Script {
        progress: Some(Progress::Hang),
        ..Script::default()
    });
    let mut stream = connect(server.addr());
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    stream.write_all(&http("GET", PROGRESS, "", "")).unwrap();
    assert!(stream.read(&mut [0]).is_err());
}
