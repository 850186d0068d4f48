//! Answers that are the binary itself: plain, packed, cut, with a lie for a length, without an end.

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
fn a_body_of_bytes_is_the_very_binary_with_its_length() {
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
fn a_body_can_be_packed_with_and_without_a_header_that_says_so() {
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
fn a_packed_body_can_end_in_its_middle_though_the_response_ends_properly() {
    let server = server(Options::default().behave(bytes(100_000, Gzip::Body, Some(5000))));
    let answer = build(&server, &request());
    assert!(answer.whole && answer.body.len() == 5000);
    let error = GzDecoder::new(&answer.body[..])
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_plain_body_can_be_cut_and_the_length_agrees() {
    let server = server(Options::default().behave(bytes(100_000, Gzip::No, Some(70))));
    let answer = build(&server, &request());
    assert_eq!(answer.header("Content-Length").as_deref(), Some("70"));
    assert!(answer.whole && answer.body == expected(1, 100_000)[..70]);
}

#[test]
fn a_bomb_is_small_on_the_wire_and_large_when_unpacked() {
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
fn a_body_can_have_a_length_that_is_a_lie_and_break_off() {
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
fn gigabytes_cost_the_server_no_memory_and_end_when_the_client_leaves() {
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
