//! The doors of the server and what is said at the wrong ones, byte for byte where the real server's
//! words are known.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use pillion_server::build::BUILD_PATH;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::bench::{Bench, request};

const JSON: &str = "Content-Type: application/json";

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_doors_are_answered_as_the_real_server_answers() {
    let bench = Bench::new().await;
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        let answer = bench.ask(method, BUILD_PATH, &[], b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method}");
        assert!(answer.head.contains("\r\nallow: post"), "{}", answer.head);
    }
    for path in [
        "/",
        "/api.service.v1.BuildService/Other",
        "/version",
        "/builds",
    ] {
        let answer = bench.ask("POST", path, &[JSON], b"{}").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
        assert!(answer.head.contains("content-type: text/plain"));
    }
    for kind in [
        "text/plain",
        "application/protobuf",
        "application/json; charset=latin1",
        "application/proto; charset=utf-8",
        "application/grpc-web-text",
        "application/jsonx",
    ] {
        let answer = bench
            .ask(
                "POST",
                BUILD_PATH,
                &[&format!("Content-Type: {kind}")],
                b"{}",
            )
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (415, ""), "{kind}");
        assert!(
            answer
                .head
                .contains("accept-post: application/grpc, application/grpc+json"),
            "{}",
            answer.head
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_the_protocol_knows_are_checked_in_the_real_servers_words() {
    let bench = Bench::new().await;
    for (header, status, body) in [
        (
            "Content-Encoding: br",
            501,
            r#"{"code":"unimplemented","message":"unknown compression \"br\": supported encodings are gzip"}"#,
        ),
        (
            "Connect-Timeout-Ms: abc",
            400,
            r#"{"code":"invalid_argument","message":"parse timeout: strconv.ParseInt: parsing \"abc\": invalid syntax"}"#,
        ),
        (
            "Connect-Timeout-Ms: 12345678901",
            400,
            r#"{"code":"invalid_argument","message":"parse timeout: \"12345678901\" has \u003e10 digits"}"#,
        ),
        (
            "Connect-Protocol-Version: 2",
            400,
            r#"{"code":"invalid_argument","message":"Connect-Protocol-Version must be \"1\": got \"2\""}"#,
        ),
    ] {
        let answer = bench.ask("POST", BUILD_PATH, &[JSON, header], b"{}").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        assert!(answer.head.contains("content-type: application/json\r\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_packed_and_may_not_be_endless() {
    let bench = Bench::new().await;
    let gzip = [JSON, "Content-Encoding: gzip"];
    let good = packed(request(&json!({})).to_string().as_bytes());
    let answer = bench.ask("POST", BUILD_PATH, &gzip, &good).await;
    answer.path();
    let cut = bench
        .ask("POST", BUILD_PATH, &gzip, &good[..good.len() / 2])
        .await;
    assert_eq!(cut.status, 400);
    let plain = vec![b' '; 300 * 1024];
    let large = bench.ask("POST", BUILD_PATH, &[JSON], &plain).await;
    let bomb = bench
        .ask("POST", BUILD_PATH, &gzip, &packed(&vec![b' '; 10 << 20]))
        .await;
    for answer in [large, bomb] {
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (429, Some("resource_exhausted"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_before_anything_is_run() {
    let bench = Bench::new().await;
    let bad = request(&json!({"plugins": [{"module_name": "-x", "tag": "$(id)"}]}));
    let answer = bench.build(&bad).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .message()
            .starts_with("validation errors:\n - plugins[0].module_name: "),
        "{answer:?}"
    );
    assert_eq!(bench.told("calls"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_nobody_else_builds_or_sees_progress_but_health_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|name| {
        let file = dir.path().join(name);
        fs::write(&file, format!("token-{name}\n")).unwrap();
        file
    });
    let bench = Bench::with(|options| {
        for file in &files {
            options.tokens.add_file(file).unwrap();
        }
    })
    .await;
    let body = request(&json!({})).to_string();
    for header in [
        "X: y",
        "Authorization: Bearer token",
        "Authorization: Basic token-one",
    ] {
        let answer = bench
            .ask("POST", BUILD_PATH, &[JSON, header], body.as_bytes())
            .await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("unauthenticated"))
        );
        assert!(answer.head.contains("www-authenticate: bearer"));
    }
    assert_eq!(bench.get("/builds/x").await.status, 401);
    assert_eq!(bench.get("/health").await.status, 200);
    for token in ["token-one", "token-two"] {
        let header = format!("Authorization: Bearer {token}");
        bench
            .ask("POST", BUILD_PATH, &[JSON, &header], body.as_bytes())
            .await
            .path();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_tls_is_spoken_to_who_begins_with_it() {
    let bench = Bench::new().await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    // RFC 9113, 3.4: the preface, then an empty SETTINGS frame.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(
        (head[3], &head[5..]),
        (4, &[0; 4][..]),
        "a SETTINGS frame on stream 0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_who_it_is() {
    let bench = Bench::new().await;
    let answer = bench.get("/health").await;
    assert!(
        answer.head.contains("\r\nserver: pillion-velox/"),
        "{}",
        answer.head
    );
    assert_eq!(
        (
            answer.json()["status"].as_str(),
            answer.json()["builds"].as_u64()
        ),
        (Some("ok"), Some(0))
    );
}
