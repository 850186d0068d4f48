//! The protocols beside Connect's JSON, with messages and frames of other code: prost and h2.

use std::{fs, io::Write};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use pillion_engine::velox::protocol::BUILD_PATH;
use prost::Message;
use serde_json::json;

use crate::{
    grpc_client::{Pair, call, framed},
    test_server::{ID, TestServer, request},
};

#[derive(Clone, PartialEq, Message)]
struct BuildRequest {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(string, tag = "2")]
    rr_version: String,
    #[prost(message, optional, tag = "4")]
    target_platform: Option<Pair>,
    #[prost(message, repeated, tag = "5")]
    plugins: Vec<Pair>,
    #[prost(message, repeated, tag = "7")]
    excludes: Vec<Pair>,
    #[prost(bool, tag = "9")]
    debug: bool,
}

fn message() -> BuildRequest {
    BuildRequest {
        request_id: ID.into(),
        rr_version: "v2025.1.9".into(),
        target_platform: Some(Pair::of("linux", "amd64")),
        plugins: vec![Pair::of("github.com/roadrunner-server/http/v5", "v5.3.0")],
        excludes: Vec::new(),
        debug: false,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_with_protobuf_equals_json() {
    let server = TestServer::new().await;
    let json = server.build(&request(&json!({}))).await.path();
    for (header, body) in [
        ("Content-Encoding: identity", message().encode_to_vec()),
        ("Content-Encoding: gzip", gzip(&message().encode_to_vec())),
    ] {
        let headers = ["Content-Type: application/proto", header];
        let answer = server.ask("POST", BUILD_PATH, &headers, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("content-type: application/proto"));
        let answer = Pair::decode(answer.bytes.as_slice()).unwrap();
        assert_eq!(answer.first, json.display().to_string());
        assert!(answer.second.starts_with("cached output"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_errors_are_json_for_protobuf_too() {
    let server = TestServer::new().await;
    let kind = ["Content-Type: application/proto"];
    let answer = server.ask("POST", BUILD_PATH, &kind, b"").await;
    assert_eq!(answer.status, 400);
    assert!(answer.head.contains("content-type: application/json"));
    assert!(answer.message().contains("request_id: value is empty"));
    let answer = server.ask("POST", BUILD_PATH, &kind, b"\xff").await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().starts_with("unmarshal message: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_builds_with_protobuf_and_with_json() {
    let server = TestServer::new().await;
    let json = server.build(&request(&json!({}))).await.path();
    let text = request(&json!({})).to_string().into_bytes();
    let proto = message().encode_to_vec();
    let kind = |kind| ("content-type", kind);
    let gzip_headers = [kind("application/grpc"), ("grpc-encoding", "gzip")];
    for (headers, body) in [
        (&[kind("application/grpc")][..], framed(0, &proto)),
        (&[kind("application/grpc+proto")][..], framed(0, &proto)),
        (&gzip_headers[..], framed(1, &gzip(&proto))),
        (&gzip_headers[..], framed(0, &proto)),
    ] {
        let called = call(&server, headers, body).await;
        assert_eq!(called.kind, headers[0].1);
        assert_eq!(called.path(), json.display().to_string());
    }
    let called = call(&server, &[kind("application/grpc+json")], framed(0, &text)).await;
    let answer: serde_json::Value = serde_json::from_slice(&called.body[5..]).unwrap();
    assert_eq!(answer["path"], json.display().to_string());
    // The other fields of a message reach the build as well.
    let mut other = message();
    other.debug = true;
    other.excludes = vec![Pair::of("github.com/a/b", "v1.2.3")];
    let called = call(
        &server,
        &[kind("application/grpc")],
        framed(0, &other.encode_to_vec()),
    )
    .await;
    assert_ne!(called.path(), json.display().to_string());
    let built = fs::read_to_string(called.path()).unwrap_or_default();
    assert!(built.contains("exclude github.com/a/b v1.2.3"), "{built}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_errors_are_in_the_trailers() {
    let server = TestServer::new().await;
    let kind = ("content-type", "application/grpc");
    let mut wrong = message();
    wrong.rr_version = "100 %\u{e9}".into();
    let called = call(&server, &[kind], framed(0, &wrong.encode_to_vec())).await;
    assert_eq!((called.status(), called.body.len()), ("3", 0));
    let said = called.trailers["grpc-message"].to_str().unwrap();
    assert!(said.starts_with("validation error: rr_version: "), "{said}");
    let details = &called.trailers["grpc-status-details-bin"];
    let details = STANDARD_NO_PAD.decode(details).unwrap();
    let details = String::from_utf8_lossy(&details);
    assert!(details.contains("type.googleapis.com/buf.validate.Violations"));
    assert!(details.contains("rr_version.format"));

    let good = framed(0, &message().encode_to_vec());
    let mut two = good.clone();
    two.extend(&good);
    for (headers, body, status) in [
        (vec![kind], Vec::new(), "12"),
        (vec![kind], good[..9].to_vec(), "3"),
        (vec![kind], vec![0, 0], "3"),
        (vec![kind], two, "12"),
        (vec![kind], framed(1, b"x"), "13"),
        (vec![kind, ("grpc-encoding", "br")], good.clone(), "12"),
        (vec![kind, ("grpc-timeout", "1x")], good.clone(), "3"),
        (vec![kind, ("grpc-timeout", "")], good.clone(), "3"),
        (
            vec![kind, ("grpc-timeout", "123456789S")],
            good.clone(),
            "3",
        ),
    ] {
        let called = call(&server, &headers, body).await;
        assert_eq!(called.status(), status, "{headers:?}");
    }
    server.on("build", "sleep 30");
    let late = [kind, ("grpc-timeout", "300m")];
    assert_eq!(call(&server, &late, good.clone()).await.status(), "4");
    server.on("build", "echo 50% broken >&2; exit 1");
    let called = call(&server, &[kind], good).await;
    assert_eq!(called.status(), "13");
    let said = called.trailers["grpc-message"].to_str().unwrap();
    assert!(said.contains("%0A50%25 broken"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_needs_a_token_and_http_2() {
    let good = framed(0, &message().encode_to_vec());
    let server = TestServer::with(|options| {
        let file = options.dir.with_extension("tokens");
        fs::write(&file, "s3same\n").unwrap();
        options.tokens.add_file("--auth-token-file", &file).unwrap();
    })
    .await;
    let kind = ("content-type", "application/grpc");
    let called = call(&server, &[kind], good.clone()).await;
    assert_eq!(called.status(), "16");
    let known = [kind, ("authorization", "Bearer s3same")];
    assert_eq!(call(&server, &known, good.clone()).await.status(), "0");
    let headers = [
        "Content-Type: application/grpc",
        "Authorization: Bearer s3same",
    ];
    let answer = server.ask("POST", BUILD_PATH, &headers, &good).await;
    assert_eq!(answer.status, 505);
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_has_its_trailers_in_the_body() {
    let server = TestServer::new().await;
    let kind = ["Content-Type: application/grpc-web+proto"];
    let body = framed(0, &message().encode_to_vec());
    let answer = server.ask("POST", BUILD_PATH, &kind, &body).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: application/grpc-web+proto")
    );
    let end = framed(0x80, b"grpc-status: 0\r\n");
    assert!(answer.bytes.ends_with(&end), "{answer:?}");
    let message = &answer.bytes[5..answer.bytes.len() - end.len()];
    assert!(Pair::decode(message).unwrap().first.ends_with("/rr"));
    let answer = server.ask("POST", BUILD_PATH, &kind, &framed(0, b"")).await;
    assert_eq!(answer.bytes[0], 0x80);
    assert!(answer.body.contains("grpc-status: 3\r\n"), "{answer:?}");
}
