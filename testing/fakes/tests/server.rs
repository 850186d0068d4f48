//! Faults that a client may not notice, and thus not test: exact bytes, conflicts, cancelled builds, counters.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

mod support;

use std::io::{ErrorKind, Read};
use std::time::Duration;

use flate2::read::GzDecoder;
use pillion_fakes::{Answer, Behaviour, Delivery, Gzip, Options, Script};
use serde_json::json;
use support::{begin, build, call, eventually, exchange, http, request, server, versioned};

#[test]
fn build_is_answered_again_from_the_cache_and_refused_in_flight() {
    let server = server(Options::default());
    let path = build(&server, &request()).path();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 65_536);
    let again = build(&server, &request()).json();
    let logs = "cached output, logs are available only on the first build";
    assert_eq!(again, json!({"path": path, "logs": logs}));
    server.behave(Answer::Hang);
    let _held = begin(&server, &versioned("v1.0.0"));
    eventually("the build begins", || server.counters().in_flight == 1);
    let conflict = build(&server, &versioned("v1.0.0"));
    assert_eq!(
        (conflict.status, &conflict.json()["code"]),
        (409, &json!("already_exists"))
    );
}

#[test]
fn concurrent_and_cancelled_builds_are_counted() {
    let server = server(Options::default().behave(Answer::Hang));
    let mut held: Vec<_> = ["v1.0.1", "v1.0.2", "v1.0.3"]
        .map(|version| begin(&server, &versioned(version)))
        .into();
    eventually("all run", || server.counters().in_flight == 3);
    held.drain(1..);
    eventually("two are cancelled", || {
        server.counters().builds_cancelled == 2
    });
    held.push(begin(&server, &versioned("v1.0.4")));
    eventually("another one runs", || server.counters().builds_started == 4);
    let counters = server.counters();
    assert_eq!((counters.in_flight, counters.max_in_flight), (2, 3));
}

#[test]
fn connection_drops_or_resets_after_the_exact_bytes() {
    for bytes in [0, 1, 17, 150] {
        let server = server(Options::default().behave(Delivery {
            drop_at: Some(bytes),
            ..Delivery::default()
        }));
        let asked = http("POST", support::PATH, "", &request().to_string());
        assert_eq!(exchange(server.addr(), &asked).len() as u64, bytes);
    }
    let server = server(Options::default().behave(Delivery {
        drop_at: Some(40),
        reset: true,
        ..Delivery::default()
    }));
    let error = begin(&server, &request())
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn answer_stalls_drips_or_lies_about_its_length() {
    let server = server(Options::default());
    let once = |delivery| server.behave(Behaviour::from(delivery).times(1));
    once(Delivery {
        stall_at: Some(30),
        ..Delivery::default()
    });
    let mut stream = begin(&server, &request());
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut raw = Vec::new();
    let error = stream.read_to_end(&mut raw).unwrap_err();
    assert_eq!((error.kind(), raw.len()), (ErrorKind::WouldBlock, 30));
    once(Delivery {
        drip_ms: Some(1),
        ..Delivery::default()
    });
    let dripped = build(&server, &request());
    assert!(dripped.whole && dripped.took >= Duration::from_millis(150));
    for length in [5, 100_000] {
        once(Delivery {
            content_length: Some(length),
            ..Delivery::default()
        });
        let answer = build(&server, &request());
        assert_eq!(answer.header("Content-Length"), Some(length.to_string()));
        assert!(!answer.whole);
    }
}

#[test]
fn gzip_body_is_sent_with_and_without_its_header() {
    for (gzip, keep, header) in [
        (Gzip::Body, None, None),
        (Gzip::Encoding, None, Some("gzip".to_owned())),
        (Gzip::Body, Some(5000), None),
    ] {
        let server = server(Options::default().behave(Answer::Bytes {
            size: Some(100_000),
            gzip,
            keep,
            content_type: None,
        }));
        let answer = build(&server, &request());
        assert_eq!(answer.header("Content-Encoding"), header);
        let unpacked = GzDecoder::new(&answer.body[..]).read_to_end(&mut Vec::new());
        match keep {
            None => assert_eq!(unpacked.unwrap(), 100_000),
            Some(_) => assert_eq!(unpacked.unwrap_err().kind(), ErrorKind::UnexpectedEof),
        }
        assert!(answer.whole);
    }
}

#[test]
fn control_requests_script_release_and_reset_the_server() {
    let server = server(Options::default());
    let control = |below: &str, body: &str| {
        let answer = call(&server, "POST", &format!("/_control{below}"), "", body);
        (answer.status, answer.text())
    };
    let script = json!({
        "size": 500, "behaviours": [{"times": 1, "until_released": "first"}, {"times": 1, "answer": {"kind": "busy"}}],
    });
    assert_eq!(control("", &script.to_string()).0, 200);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| build(&server, &request()).path());
        eventually("the build begins", || server.counters().in_flight == 1);
        assert_eq!(control("/release", "second").0, 200);
        assert_eq!(server.counters().in_flight, 1);
        assert_eq!(control("/release", "first").0, 200);
        assert_eq!(std::fs::metadata(held.join().unwrap()).unwrap().len(), 500);
    });
    assert_eq!(build(&server, &request()).status, 409);
    let (status, text) = control("", "{\"delay\": 5}");
    assert!(
        status == 400 && text.contains("unknown field `delay`"),
        "{text}"
    );
    server.apply(&Script {
        auth_token: Some("secret".into()),
        ..Script::default()
    });
    assert_eq!(build(&server, &request()).status, 401);
    assert_eq!(control("/reset", "").0, 200);
    let counted = call(&server, "GET", "/_control", "", "").json();
    assert_eq!(
        (&counted["requests"], &counted["recent"]),
        (&json!(0), &json!([]))
    );
    let path = build(&server, &request()).path();
    assert_eq!(control("/expire", "").0, 200);
    assert!(!std::path::Path::new(&path).exists());
    build(&server, &request());
    assert_eq!(server.counters().cache_hits, 0);
}
