//! Every fault of an answer's transport, and every wrong answer.

mod support;

use std::io::Read;
use std::time::Duration;

use pillion_fakes::{Answer, Behaviour, Delivery, Options, When};
use support::{begin, build, eventually, exchange, http, request, server, versioned};

fn delivered(delivery: Delivery) -> Options {
    Options::default().behave(delivery)
}

#[test]
fn connection_drops_after_the_exact_number_of_bytes() {
    for bytes in [0, 1, 17, 150] {
        let server = server(delivered(Delivery {
            drop_at: Some(bytes),
            ..Delivery::default()
        }));
        let raw = exchange(
            server.addr(),
            &http("POST", support::PATH, "", &request().to_string()),
        );
        assert_eq!(raw.len() as u64, bytes);
    }
}

#[test]
fn drop_with_reset_resets_the_connection() {
    let server = server(delivered(Delivery {
        drop_at: Some(20),
        reset: true,
        ..Delivery::default()
    }));
    let mut stream = begin(&server, &request());
    let mut raw = Vec::new();
    let error = stream.read_to_end(&mut raw).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn stalled_answer_keeps_the_connection_open() {
    let server = server(delivered(Delivery {
        stall_at: Some(30),
        ..Delivery::default()
    }));
    let mut stream = begin(&server, &request());
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut raw = Vec::new();
    let error = stream.read_to_end(&mut raw).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(raw.len(), 30);
}

#[test]
fn dripping_answer_arrives_byte_by_byte() {
    let server = server(delivered(Delivery {
        drip_ms: Some(1),
        ..Delivery::default()
    }));
    let answer = build(&server, &request());
    assert!(answer.whole && answer.status == 200);
    assert!(
        answer.took >= Duration::from_millis(200),
        "{:?}",
        answer.took
    );
}

#[test]
fn content_length_is_larger_or_smaller_than_the_body() {
    for (length, whole) in [(5, false), (100_000, false)] {
        let server = server(delivered(Delivery {
            content_length: Some(length),
            ..Delivery::default()
        }));
        let answer = build(&server, &request());
        assert_eq!(answer.header("Content-Length"), Some(length.to_string()));
        assert_eq!(answer.whole, whole);
        assert!(answer.text().ends_with("/rr\"}"));
    }
}

#[test]
fn simulated_conflict_lasts_for_a_count_or_a_time() {
    let server = server(Options::default().behave(Behaviour::from(Answer::Busy).times(2)));
    let statuses: Vec<u16> = (0..4).map(|_| build(&server, &request()).status).collect();
    assert_eq!(statuses, [409, 409, 200, 200]);
    let while_it_lasts = Behaviour::from(Answer::Busy).lasting(Duration::from_secs(1));
    server.behave(while_it_lasts.when(When {
        rr_version: Some("v1.*".into()),
        ..When::default()
    }));
    assert_eq!(build(&server, &versioned("v1.0.0")).status, 409);
    assert_eq!(build(&server, &versioned("v1.0.1")).status, 409);
    std::thread::sleep(Duration::from_millis(1010));
    assert_eq!(build(&server, &versioned("v1.0.0")).status, 200);
    assert_eq!(server.counters().conflicts, 4);
    assert_eq!(server.counters().builds_started, 2);
}

#[test]
fn proxy_error_starts_no_build_and_server_error_fails_one() {
    let server = server(
        Options::default()
            .behave(Behaviour::from(Answer::proxy_error(502)).times(2))
            .behave(Behaviour::from(Answer::failure("building plugins: out of luck")).times(1)),
    );
    let first = build(&server, &request());
    assert_eq!(
        (first.status, first.header("Content-Type").as_deref()),
        (502, Some("text/html"))
    );
    assert_eq!(build(&server, &request()).status, 502);
    assert_eq!(server.counters().builds_started, 0);
    let failed = build(&server, &request());
    assert_eq!(
        failed.text(),
        r#"{"code":"internal","message":"building plugins: out of luck"}"#
    );
    assert_eq!(build(&server, &request()).status, 200);
    let counters = server.counters();
    assert_eq!(
        (
            counters.builds_started,
            counters.builds_failed,
            counters.builds_finished
        ),
        (2, 1, 1)
    );
}

#[test]
fn error_answer_has_any_code_and_status() {
    let answer = Answer::Error {
        status: 503,
        code: "unavailable".into(),
        message: "a < b".into(),
    };
    let server = server(Options::default().behave(answer));
    let got = build(&server, &request());
    assert_eq!(
        (got.status, got.text().as_str()),
        (503, r#"{"code":"unavailable","message":"a \u003c b"}"#)
    );
}

#[test]
fn redirects_broken_json_and_empty_answers_are_sent() {
    let server = server(
        Options::default()
            .behave(Behaviour::from(Answer::redirect("http://127.0.0.1:1/")).times(1))
            .behave(Behaviour::from(Answer::json("{\"path\":")).times(1))
            .behave(
                Behaviour::from(Answer::Path {
                    path: String::new(),
                })
                .times(1),
            ),
    );
    let redirect = build(&server, &request());
    assert_eq!(
        (redirect.status, redirect.header("Location").as_deref()),
        (302, Some("http://127.0.0.1:1/"))
    );
    let broken = build(&server, &request());
    assert_eq!((broken.status, broken.text().as_str()), (200, "{\"path\":"));
    assert_eq!(build(&server, &request()).text(), "{}");
}

#[test]
fn logs_are_sent_and_huge_ones_arrive_in_chunks() {
    let answer = Answer::Build {
        file: Default::default(),
        size: None,
        logs: "one\n".into(),
        logs_bytes: 300_000,
    };
    let server = server(Options::default().behave(answer));
    let got = build(&server, &request());
    assert_eq!(got.header("Transfer-Encoding").as_deref(), Some("chunked"));
    let logs = got.json()["logs"].as_str().unwrap().to_owned();
    assert!(got.whole && logs.starts_with("one\nexample.com/plugin/package1\n"));
    assert_eq!(logs.len(), 300_004);
}

#[test]
fn behaviour_applies_to_its_version_or_plugin_only() {
    let module = When {
        module: Some("*/http/v5".into()),
        ..When::default()
    };
    let http_module = When {
        module: Some("github.com/roadrunner-server/http/*".into()),
        ..When::default()
    };
    let version = When {
        rr_version: Some("v2025.1.1".into()),
        ..When::default()
    };
    let server = server(
        Options::default()
            .behave(Behaviour::from(Answer::failure("version")).when(version))
            .behave(Behaviour::from(Answer::failure("never")).when(module)),
    );
    assert!(
        build(&server, &versioned("v2025.1.1"))
            .text()
            .contains("version")
    );
    assert_eq!(build(&server, &versioned("v2025.1.2")).status, 200);
    server.behave(Behaviour::from(Answer::failure("module")).when(http_module));
    assert!(
        build(&server, &versioned("v2025.1.3"))
            .text()
            .contains("module")
    );
}

#[test]
fn hanging_build_ends_with_its_client() {
    let server = server(Options::default().behave(Behaviour::from(Answer::Hang).times(1)));
    let stream = begin(&server, &request());
    eventually("the build begins", || server.counters().in_flight == 1);
    drop(stream);
    eventually("the build is cancelled", || {
        server.counters().builds_cancelled == 1
    });
    assert_eq!(build(&server, &request()).status, 200);
    assert_eq!(server.counters().in_flight, 0);
}

#[test]
fn build_that_outlives_its_client_enters_the_cache() {
    let keeps = Behaviour {
        keep_building: true,
        ..Behaviour::default()
    }
    .delay(Duration::from_millis(150));
    let server = server(Options::default().behave(keeps.times(1)));
    drop(begin(&server, &request()));
    eventually("the build ends", || server.counters().builds_finished == 1);
    assert_eq!(server.counters().builds_cancelled, 0);
    assert!(build(&server, &request()).text().contains("cached output"));
}
