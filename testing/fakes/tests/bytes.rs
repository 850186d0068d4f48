//! Answers with the binary itself: plain, compressed, truncated, with a wrong length, without an end.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{self, Read};

use flate2::read::GzDecoder;
use pillion_fakes::velox::Binary;
use pillion_fakes::{Answer, Behaviour, Delivery, Gzip, Options};
use support::{begin, build, eventually, request, server};

const HASH: &str = "704cb82325cd996b";

fn bytes(size: u64, gzip: Gzip, keep: Option<u64>) -> Answer {
    Answer::Bytes {
        size: Some(size),
        gzip,
        keep,
        content_type: None,
    }
}

fn expected(count: u64, size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Binary::new(HASH, count, size, "linux", "amd64")
        .read_to_end(&mut out)
        .unwrap();
    out
}

#[test]
fn body_of_bytes_is_the_binary_with_its_length() {
    let server = server(Options::default().behave(bytes(100_000, Gzip::No, None)));
    let answer = build(&server, &request());
    assert_eq!(
        answer.header("Content-Type").as_deref(),
        Some("application/octet-stream")
    );
    assert_eq!(answer.header("Content-Length").as_deref(), Some("100000"));
    assert!(answer.whole && answer.body == expected(1, 100_000));
    assert!(build(&server, &request()).body == expected(2, 100_000));
}

#[test]
fn gzip_body_is_sent_with_and_without_its_header() {
    for (gzip, header) in [
        (Gzip::Body, None),
        (Gzip::Encoding, Some("gzip".to_owned())),
    ] {
        let server = server(Options::default().behave(bytes(100_000, gzip, None)));
        let answer = build(&server, &request());
        assert_eq!(answer.header("Content-Encoding"), header);
        let mut unpacked = Vec::new();
        GzDecoder::new(&answer.body[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(answer.whole && unpacked == expected(1, 100_000));
    }
}

#[test]
fn truncated_gzip_body_ends_in_a_regular_response() {
    let server = server(Options::default().behave(bytes(100_000, Gzip::Body, Some(5000))));
    let answer = build(&server, &request());
    assert!(answer.whole && answer.body.len() == 5000);
    let error = GzDecoder::new(&answer.body[..])
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn truncated_plain_body_has_the_matching_length() {
    let server = server(Options::default().behave(bytes(100_000, Gzip::No, Some(70))));
    let answer = build(&server, &request());
    assert_eq!(answer.header("Content-Length").as_deref(), Some("70"));
    assert!(answer.whole && answer.body == expected(1, 100_000)[..70]);
}

#[test]
fn bomb_is_small_on_the_wire_and_large_unpacked() {
    let server = server(Options::default().behave(Answer::Bomb { size: 64 << 20 }));
    let answer = build(&server, &request());
    assert!(
        answer.whole && answer.body.len() < 100_000,
        "{}",
        answer.body.len()
    );
    let unpacked = io::copy(&mut GzDecoder::new(&answer.body[..]), &mut io::sink()).unwrap();
    assert_eq!(unpacked, 64 << 20);
}

#[test]
fn body_with_a_wrong_length_breaks_off() {
    let lie = Delivery {
        content_length: Some(200_000),
        ..Delivery::default()
    };
    let cut = Delivery {
        drop_at: Some(30_000),
        ..Delivery::default()
    };
    let told = |delivery| {
        Behaviour {
            delivery,
            ..Behaviour::from(bytes(100_000, Gzip::No, None))
        }
        .times(1)
    };
    let server = server(Options::default().behave(told(lie)).behave(told(cut)));
    let answer = build(&server, &request());
    assert_eq!(
        (answer.header("Content-Length").as_deref(), answer.whole),
        (Some("200000"), false)
    );
    assert_eq!(answer.body.len(), 100_000);
    let answer = build(&server, &request());
    assert_eq!(
        (answer.head.len() + answer.body.len(), answer.whole),
        (30_000, false)
    );
}

#[test]
fn endless_body_needs_no_memory_and_ends_with_its_client() {
    let huge = Answer::Bytes {
        size: Some(2 << 30),
        gzip: Gzip::No,
        keep: None,
        content_type: None,
    };
    let server = server(
        Options::default()
            .behave(Behaviour::from(huge).times(1))
            .behave(Answer::Endless),
    );
    for length in [Some("2147483648"), None] {
        let mut stream = begin(&server, &request());
        let mut start = vec![0; 1 << 20];
        stream.read_exact(&mut start).unwrap();
        let head = String::from_utf8_lossy(&start[..400]).into_owned();
        match length {
            Some(length) => assert!(head.contains(&format!("Content-Length: {length}\r\n"))),
            None => assert!(head.contains("Transfer-Encoding: chunked\r\n")),
        }
        drop(stream);
        eventually("the answer is given up", || {
            server
                .counters()
                .recent
                .iter()
                .all(|seen| seen.done_at.is_some())
        });
    }
    let memory = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = memory.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(pages * 4096 < 256 << 20, "{pages} pages resident");
}
