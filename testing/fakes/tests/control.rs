//! The control endpoint, by which other processes set behaviours and read counters.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use pillion_fakes::{Answer, Behaviour, FakeVelox, Options, Progress, Script};
use serde_json::{Value, json};
use support::{build, call, get, request, server, versioned};

const PROGRESS: &str = "/builds/0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11";

fn control(server: &FakeVelox, below: &str, body: &str) -> (u16, String) {
    let answer = call(server, "POST", &format!("/_control{below}"), "", body);
    (answer.status, answer.text())
}

fn counters(server: &FakeVelox) -> Value {
    get(server, "/_control").json()
}

#[test]
fn behaviours_are_added_through_the_control_endpoint() {
    let server = server(Options::default());
    let script = json!({
        "delay_ms": 20,
        "behaviours": [
            {"when": {"rr_version": "v1.0.0"}, "times": 1, "answer": {"kind": "error", "message": "told so"}},
            {"when": {"module": "github.com/roadrunner-server/*", "tag": "v5.3.0"}, "skip": 1, "times": 1, "answer": {"kind": "bytes", "size": 500, "gzip": "encoding"}},
            {"answer": {"kind": "build", "file": "no_magic"}, "delivery": {"drop_at": 10}},
        ],
    });
    assert_eq!(
        control(&server, "", &script.to_string()),
        (200, "{}".into())
    );
    assert!(
        build(&server, &versioned("v1.0.0"))
            .text()
            .contains("told so")
    );
    let dropped = call(
        &server,
        "POST",
        support::PATH,
        "",
        &versioned("v1.0.1").to_string(),
    );
    assert_eq!(dropped.head.len(), 10);
    assert_eq!(
        build(&server, &versioned("v1.0.1"))
            .header("Content-Encoding")
            .as_deref(),
        Some("gzip")
    );
}

#[test]
fn invalid_script_is_refused_with_place_and_reason() {
    let server = server(Options::default());
    for (script, reason) in [
        ("{\"delay\": 5}", "unknown field `delay`"),
        (
            "{\"behaviours\": [{\"answer\": {\"kind\": \"explode\"}}]}",
            "unknown variant `explode`",
        ),
        ("{", "EOF while parsing"),
    ] {
        let (status, text) = control(&server, "", script);
        assert!(
            status == 400 && text.contains(reason) && text.contains("line 1 column"),
            "{text}"
        );
    }
    assert_eq!(build(&server, &request()).status, 200);
}

#[test]
fn held_build_is_answered_after_its_release() {
    let held = Behaviour {
        until_released: Some("first".into()),
        ..Behaviour::default()
    };
    let server = server(Options::default().behave(held));
    std::thread::scope(|scope| {
        let build = scope.spawn(|| build(&server, &request()).status);
        while counters(&server)["in_flight"] != 1 {
            std::thread::yield_now();
        }
        assert_eq!(control(&server, "/release", "second").0, 200);
        assert_eq!(counters(&server)["in_flight"], 1);
        assert_eq!(control(&server, "/release", "first").0, 200);
        assert_eq!(build.join().unwrap(), 200);
    });
}

#[test]
fn reset_restores_the_start_and_expiry_deletes_files() {
    let server = server(Options::default().behave(Behaviour::from(Answer::Busy).times(1)));
    assert_eq!(build(&server, &request()).status, 409);
    let path = build(&server, &request()).path();
    assert_eq!(control(&server, "/expire", ""), (200, "{}".into()));
    assert!(!std::path::Path::new(&path).exists());
    build(&server, &request());
    assert_eq!(server.counters().cache_hits, 0);
    server.apply(&Script {
        auth_token: Some("secret".into()),
        ..Script::default()
    });
    assert_eq!(control(&server, "/reset", ""), (200, "{}".into()));
    assert_eq!(
        (
            counters(&server)["requests"].as_u64(),
            counters(&server)["recent"].as_array().unwrap().len()
        ),
        (Some(0), 0)
    );
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(build(&server, &request()).status, 409);
    assert_eq!(build(&server, &request()).status, 200);
    assert_eq!(call(&server, "PUT", "/_control/reset", "", "").status, 405);
    assert_eq!(get(&server, "/_control/nothing").status, 404);
}

#[test]
fn token_protects_builds_and_progress_but_not_control() {
    let script = Script {
        auth_token: Some("s3cret".into()),
        progress: Some(Progress::On),
        ..Script::default()
    };
    let server = server(Options {
        script,
        ..Options::default()
    });
    let refused = build(&server, &request());
    assert_eq!(
        (
            refused.status,
            refused.header("WWW-Authenticate").as_deref()
        ),
        (401, Some("Bearer"))
    );
    assert_eq!(
        refused.text(),
        r#"{"code":"unauthenticated","message":"missing or wrong bearer token"}"#
    );
    let with = |token: &str| {
        call(
            &server,
            "POST",
            support::PATH,
            &format!("Authorization: Bearer {token}\r\n"),
            &request().to_string(),
        )
        .status
    };
    assert_eq!((with("wrong"), with("s3cret")), (401, 200));
    assert_eq!(get(&server, PROGRESS).status, 401);
    assert_eq!(counters(&server)["build_requests"], 1);
}
