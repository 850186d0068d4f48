//! Routes, protocol headers, body limits, tokens.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use pillion_engine::velox::protocol::BUILD_PATH;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::test_server::{TestServer, request};

const JSON: &str = "Content-Type: application/json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_paths_and_types_have_the_real_statuses() {
    let server = TestServer::new().await;
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        let answer = server.ask(method, BUILD_PATH, &[], b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method}");
        assert!(answer.head.contains("\r\nallow: post"), "{}", answer.head);
    }
    for path in [
        "/",
        "/api.service.v1.BuildService/Other",
        "/version",
        "/builds",
    ] {
        let answer = server.ask("POST", path, &[JSON], b"{}").await;
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
        let answer = server
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
                .contains("accept-post: application/json, application/proto, application/grpc,"),
            "{}",
            answer.head
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_protocol_headers_are_errors() {
    let server = TestServer::new().await;
    for (header, status, body) in [
        (
            "Content-Encoding: br",
            501,
            r#"{"code":"unimplemented","message":"unknown compression \"br\": supported encodings are gzip"}"#,
        ),
        (
            "Connect-Timeout-Ms: abc",
            400,
            r#"{"code":"invalid_argument","message":"connect-timeout-ms: found \"abc\"; expected the protocol's form of a duration"}"#,
        ),
        (
            "Connect-Timeout-Ms: 12345678901",
            400,
            r#"{"code":"invalid_argument","message":"connect-timeout-ms: found \"12345678901\"; expected the protocol's form of a duration"}"#,
        ),
        (
            "Connect-Protocol-Version: 2",
            400,
            r#"{"code":"invalid_argument","message":"connect-protocol-version: found \"2\"; expected 1"}"#,
        ),
    ] {
        let answer = server.ask("POST", BUILD_PATH, &[JSON, header], b"{}").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        assert!(answer.head.contains("content-type: application/json\r\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_gzip_and_is_bounded() {
    let server = TestServer::new().await;
    let headers = [JSON, "Content-Encoding: gzip"];
    let good = gzip(request(&json!({})).to_string().as_bytes());
    let answer = server.ask("POST", BUILD_PATH, &headers, &good).await;
    answer.path();
    let cut = server
        .ask("POST", BUILD_PATH, &headers, &good[..good.len() / 2])
        .await;
    assert_eq!(cut.status, 400);
    let plain = vec![b' '; 300 * 1024];
    let large = server.ask("POST", BUILD_PATH, &[JSON], &plain).await;
    let bomb = server
        .ask("POST", BUILD_PATH, &headers, &gzip(&vec![b' '; 10 << 20]))
        .await;
    for answer in [large, bomb] {
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (429, Some("resource_exhausted"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_request_fails_before_go_runs() {
    let server = TestServer::new().await;
    let bad = request(&json!({"plugins": [{"module_name": "-x", "tag": "$(id)"}]}));
    let answer = server.build(&bad).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .message()
            .starts_with("validation errors:\n - plugins[0].module_name: "),
        "{answer:?}"
    );
    assert_eq!(server.read_control("calls"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_protect_all_but_health() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|name| {
        let file = dir.path().join(name);
        fs::write(&file, format!("token-{name}\n")).unwrap();
        file
    });
    let server = TestServer::with(|options| {
        for file in &files {
            options.tokens.add_file("--auth-token-file", file).unwrap();
        }
    })
    .await;
    let body = request(&json!({})).to_string();
    for header in [
        "X: y",
        "Authorization: Bearer token",
        "Authorization: Basic token-one",
    ] {
        let answer = server
            .ask("POST", BUILD_PATH, &[JSON, header], body.as_bytes())
            .await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("unauthenticated"))
        );
        assert!(answer.head.contains("www-authenticate: bearer"));
    }
    assert_eq!(server.get("/builds/x").await.status, 401);
    assert_eq!(server.get("/health").await.status, 200);
    for token in ["token-one", "token-two"] {
        let header = format!("Authorization: Bearer {token}");
        server
            .ask("POST", BUILD_PATH, &[JSON, &header], body.as_bytes())
            .await
            .path();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_tls_is_served() {
    let server = TestServer::new().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
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
async fn responses_name_the_server() {
    let server = TestServer::new().await;
    let answer = server.get("/health").await;
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
