//! Counters and recorded requests.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use pillion_fakes::{Answer, Options};
use serde_json::{Value, json};
use support::{begin, build, call, connect, eventually, get, http, request, server, versioned};

#[test]
fn concurrent_builds_are_counted() {
    let server = server(Options::default().behave(Answer::Hang));
    let mut held: Vec<_> = ["v1.0.1", "v1.0.2", "v1.0.3"]
        .map(|v| begin(&server, &versioned(v)))
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
fn second_concurrent_request_for_a_build_gets_a_conflict() {
    let server = server(Options::default().delay(Duration::from_millis(600)));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| build(&server, &request()).status))
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(statuses.iter().sum::<u16>(), 200 + 409);
    let counters = server.counters();
    assert_eq!(
        (
            counters.builds_started,
            counters.conflicts,
            counters.max_in_flight
        ),
        (1, 1, 1)
    );
}

#[test]
fn delay_applies_to_builds_and_not_to_hits() {
    let server = server(Options::default().delay(Duration::from_millis(500)));
    assert!(build(&server, &request()).took >= Duration::from_millis(500));
    assert!(build(&server, &request()).took < Duration::from_millis(500));
}

#[test]
fn requests_are_recorded_with_headers_body_and_status() {
    let server = server(Options::default());
    call(
        &server,
        "POST",
        support::PATH,
        "X-Seen: yes\r\n",
        &request().to_string(),
    );
    get(&server, "/nowhere?x=1");
    let told = get(&server, "/_control").json();
    let (first, second) = (&told["recent"][0], &told["recent"][1]);
    assert_eq!(first["headers"]["x-seen"], "yes");
    assert_eq!(
        serde_json::from_str::<Value>(first["body"].as_str().unwrap()).unwrap(),
        request()
    );
    assert_eq!(
        (&first["hash"], &first["status"]),
        (&json!("704cb82325cd996b"), &json!(200))
    );
    assert_eq!(
        (&second["method"], &second["path"], &second["status"]),
        (&json!("GET"), &json!("/nowhere?x=1"), &json!(404))
    );
    assert!(first["at"].as_f64().unwrap() <= first["done_at"].as_f64().unwrap());
    assert_eq!(
        (
            &told["requests"],
            &told["build_requests"],
            &told["builds_finished"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[test]
fn one_connection_serves_many_requests() {
    let server = server(Options::default());
    let mut stream = connect(server.addr());
    let one = http("GET", "/nowhere", "", "");
    stream
        .write_all(&[one.clone(), one.clone(), one].concat())
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut raw = String::new();
    stream.read_to_string(&mut raw).unwrap();
    assert_eq!(raw.matches("404 page not found").count(), 3);
    assert_eq!(
        (server.counters().connections, server.counters().requests),
        (1, 3)
    );
}
