//! The fake against the real server: `data/real_answers.json` holds 148 requests with the answers of a running Velox
//! server ("v3"), byte for byte, dates masked. In both, one character represents one byte.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;

use pillion_fakes::{Answer, Behaviour, Options, Script};
use serde_json::{Value, json};
use support::{PATH, build, call, exchange, request, request_with, server, versioned};

fn bytes(text: &Value) -> Vec<u8> {
    text.as_str()
        .unwrap()
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

fn masked(raw: &[u8]) -> String {
    let text: String = raw.iter().copied().map(char::from).collect();
    let date = |line: &str| {
        if line.starts_with("Date: ") {
            "Date: *".to_owned()
        } else {
            line.to_owned()
        }
    };
    text.split("\r\n")
        .map(date)
        .collect::<Vec<_>>()
        .join("\r\n")
}

#[test]
fn recorded_answers_of_the_real_server_are_reproduced() {
    let server = server(Options::default());
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/real_answers.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let got = masked(&exchange(server.addr(), &bytes(&case["request"])));
        if got != case["response"] {
            wrong.push(format!(
                "{}\n  real {}\n  fake {got:?}",
                case["name"], case["response"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    assert_eq!(server.counters().builds_started, 0);
}

const HASH: &str = "704cb82325cd996b";

#[test]
fn fresh_build_returns_the_path_only() {
    let server = server(Options::default());
    let answer = build(&server, &request());
    let path = server.root().join(HASH).join("rr");
    assert_eq!(
        (answer.status, answer.text()),
        (200, format!(r#"{{"path":"{}"}}"#, path.display()))
    );
    assert_eq!(answer.head.lines().nth(1), Some("Accept-Encoding: gzip"));
    assert_eq!(
        answer.head.lines().nth(2),
        Some("Content-Type: application/json")
    );
    let file = fs::read(path).unwrap();
    assert!(file.starts_with(b"\x7fELF"));
    assert_eq!(file.len(), 65_536);
}

#[test]
fn repeated_build_comes_from_the_cache_and_reports_it() {
    let server = server(Options::default());
    build(&server, &request());
    let again = build(
        &server,
        &request_with(json!({"request_id": "ffffffff-6d0a-4a6e-9f7a-0d9b8b1f2a11"})),
    );
    let path = server.root().join(HASH).join("rr");
    let logs = "cached output, logs are available only on the first build";
    assert_eq!(
        again.text(),
        format!(r#"{{"path":"{}","logs":"{logs}"}}"#, path.display())
    );
}

#[test]
fn build_in_flight_is_an_immediate_conflict() {
    let server = server(Options::default().behave(Answer::Hang));
    let _held = support::begin(&server, &request());
    support::eventually("the build begins", || server.counters().in_flight == 1);
    let answer = build(&server, &request());
    assert_eq!(answer.status, 409);
    let body =
        format!(r#"{{"code":"already_exists","message":"build {HASH} is already in progress"}}"#);
    assert_eq!(answer.text(), body);
}

#[test]
fn forced_rebuild_replaces_the_file() {
    let server = server(Options::default());
    let path = build(&server, &request()).path();
    let first = fs::read(&path).unwrap();
    let forced = build(&server, &request_with(json!({"force_rebuild": true})));
    assert_eq!(forced.text(), format!(r#"{{"path":"{path}"}}"#));
    assert_ne!(fs::read(&path).unwrap(), first);
    assert_eq!(server.counters().builds_finished, 2);
}

#[test]
fn windows_is_refused_like_v3_or_built_like_the_betas() {
    let server = server(Options::default());
    let windows = request_with(json!({"target_platform": {"os": "Windows", "arch": "amd64"}}));
    let refused = build(&server, &windows);
    let body = r#"{"code":"internal","message":"building plugins: velox v3 does not support Windows targets"}"#;
    assert_eq!((refused.status, refused.text().as_str()), (500, body));
    server.apply(&Script {
        windows: Some(true),
        ..Script::default()
    });
    let path = build(&server, &windows).path();
    assert!(path.ends_with("/rr.exe") && fs::read(path).unwrap().starts_with(b"MZ"));
}

#[test]
fn unknown_roadrunner_version_is_a_404_of_github() {
    let server = server(Options::default());
    let answer = build(&server, &versioned("v2025.9.9"));
    let body = r#"{"code":"internal","message":"downloading template: expected 3xx redirect from https://github.com/roadrunner-server/roadrunner/archive/refs/tags/v2025.9.9.zip, got 404"}"#;
    assert_eq!((answer.status, answer.text().as_str()), (500, body));
    server.apply(&Script {
        unknown_versions: Some(vec!["abcdef0".into()]),
        ..Script::default()
    });
    assert!(
        build(&server, &versioned("abcdef0"))
            .text()
            .contains("archive/refs/heads/abcdef0.zip, got 404")
    );
    assert_eq!(build(&server, &versioned("v2025.9.9")).status, 200);
}

#[test]
fn unknown_tag_is_an_error_of_the_compiler() {
    let server = server(Options::default());
    let logger =
        json!({"module_name": "github.com/roadrunner-server/logger/v5", "tag": "v5.999.999"});
    let answer = build(&server, &request_with(json!({"plugins": [logger]})));
    let body = r#"{"code":"internal","message":"building plugins: verifyResolvedVersions: go list -m github.com/roadrunner-server/logger/v5: go failed: exit status 1\n--- stderr (last 74 bytes) ---\ngo: module github.com/roadrunner-server/logger/v5: not a known dependency\n"}"#;
    assert_eq!((answer.status, answer.text().as_str()), (500, body));
    assert_eq!(server.counters().builds_failed, 1);
}

#[test]
fn both_spellings_and_unknown_fields_are_the_same_build() {
    let server = server(Options::default());
    build(&server, &request());
    let camel = json!({
        "requestId": "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a12", "rrVersion": "v2025.1.9",
        "targetPlatform": {"os": "linux", "arch": "amd64", "cpu": 4}, "somethingNew": {"deep": [1, null]},
        "plugins": [{"moduleName": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}],
    });
    assert!(build(&server, &camel).text().contains("cached output"));
}

#[test]
fn answer_is_compressed_only_for_a_literal_gzip() {
    let server = server(Options::default());
    let plain = build(&server, &request()).path();
    let packed = call(
        &server,
        "POST",
        PATH,
        "Accept-Encoding: gzip\r\n",
        &request().to_string(),
    );
    assert_eq!(packed.header("Content-Encoding").as_deref(), Some("gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(&packed.body[..]),
        &mut text,
    )
    .unwrap();
    assert!(text.starts_with(&format!(r#"{{"path":"{plain}","logs""#)));
    let weighed = call(
        &server,
        "POST",
        PATH,
        "Accept-Encoding: br, gzip;q=0.5\r\n",
        &request().to_string(),
    );
    assert_eq!(weighed.header("Content-Encoding"), None);
}

#[test]
fn timeout_header_ends_the_build_without_a_cache_entry() {
    let server = server(Options::default().behave(Behaviour::from(Answer::Hang).times(1)));
    let answer = call(
        &server,
        "POST",
        PATH,
        "Connect-Timeout-Ms: 50\r\n",
        &request().to_string(),
    );
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .text()
            .contains("building plugins: context deadline exceeded")
    );
    assert_eq!(build(&server, &request()).status, 200);
    assert_eq!(server.counters().cache_hits, 0);
}

#[test]
fn option_puts_a_space_between_fields() {
    let script = Script {
        spaces: Some(true),
        ..Script::default()
    };
    let server = server(Options {
        script,
        ..Options::default()
    });
    build(&server, &request());
    assert!(
        build(&server, &request())
            .text()
            .contains(r#"/rr", "logs":"#)
    );
}
