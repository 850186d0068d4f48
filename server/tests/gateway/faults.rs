//! Clients and storage that fail.

use std::{path::Path, time::Duration};

use pillion_engine::remote::local::LocalStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gateway::TestGateway;

#[tokio::test]
async fn upload_that_breaks_off_is_not_stored() {
    let gateway = TestGateway::start();
    let path = "/v1/proxy/blob/a";
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut client = gateway.client("trusted").await;
        client.head("PUT", path, &[framing]).await;
        client.stream.write_all(b"5\r\nbytes").await.unwrap();
        drop(client);
    }
    let mut client = gateway.client("trusted").await;
    let answer = client.put(path, b"whole").await;
    assert_eq!(answer.status, 200);
    assert_eq!(client.get(path).await.text(), "whole");
    assert_eq!(gateway.files().len(), 1);
}

#[tokio::test]
async fn client_that_sends_nothing_is_answered() {
    for (setting, value) in [("idle_timeout", "1s"), ("transfer_timeout", "1s")] {
        let gateway = TestGateway::with(&[(setting, value)]);
        let mut client = gateway.client("trusted").await;
        client
            .head(
                "PUT",
                "/v1/proxy/blob/a",
                &["Content-Length: 100", "Expect: 100-continue"],
            )
            .await;
        let mut answer = String::new();
        let reading = client.stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .unwrap()
            .unwrap();
        assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
    }
}

#[tokio::test]
async fn artifact_beyond_the_limit_is_refused_with_its_answer() {
    let gateway = TestGateway::with(&[("max_artifact_size", "1")]);
    let mut client = gateway.client("trusted").await;
    let large = vec![7; (1 << 20) + 1];
    for path in ["/v1/proxy/blob/a", "/v1/cache/a", "/v8/artifacts/a"] {
        assert_eq!(client.put(path, &large).await.status, 413, "{path}");
        // The same connection goes on.
        assert_eq!(client.get("/health").await.status, 200);
    }
    client
        .head("PUT", "/v1/proxy/blob/a", &["Transfer-Encoding: chunked"])
        .await;
    let chunk = format!("{:x}\r\n", large.len());
    client.stream.write_all(chunk.as_bytes()).await.unwrap();
    client.stream.write_all(&large).await.unwrap();
    client.stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer(false).await.status, 413);
    let exact = vec![7; 1 << 20];
    assert_eq!(client.put("/v1/proxy/blob/a", &exact).await.status, 200);
    let body = r#"{"hash":"b","action":"upload","sha256":null,"size":1048577}"#;
    assert_eq!(client.post("/v1/negotiate", body).await.status, 413);
}

#[tokio::test]
async fn storage_beyond_its_size_is_cleaned() {
    let gateway = TestGateway::with(&[("max_size", "1")]);
    let mut client = gateway.client("trusted").await;
    for key in 0..3 {
        let path = format!("/v1/proxy/blob/{key}");
        assert_eq!(client.put(&path, &vec![key; 700_000]).await.status, 200);
    }
    for _ in 0..600 {
        if gateway.files().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} files remain", gateway.files().len());
}

#[tokio::test]
async fn unreadable_storage_is_an_error_and_no_miss() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    // A file in the place of a directory.
    std::fs::create_dir_all(gateway.dir.path().join("store/trusted")).unwrap();
    std::fs::write(gateway.dir.path().join("store/trusted/v1"), "").unwrap();
    assert_eq!(client.get("/v1/proxy/blob/a").await.status, 503);
    let body = r#"{"hash":"a","action":"download"}"#;
    assert_eq!(client.post("/v1/negotiate", body).await.status, 503);
}

#[tokio::test]
async fn upload_of_an_unknown_length_is_refused() {
    let gateway = TestGateway::start();
    for path in ["/v1/proxy/blob/a", "/v1/cache/a", "/v8/artifacts/a"] {
        let mut client = gateway.client("trusted").await;
        client.head("PUT", path, &[]).await;
        assert_eq!(client.answer(false).await.status, 411, "{path}");
        assert_eq!(client.get(path).await.status, 404, "{path}");
        // An artifact without bytes is one.
        assert!(client.put(path, b"").await.status < 300, "{path}");
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn download_ends_with_the_time_of_a_transfer() {
    let gateway = TestGateway::with(&[("transfer_timeout", "1s")]);
    let path = "/v1/proxy/blob/a";
    let size = 64 << 20;
    let mut client = gateway.client("trusted").await;
    assert_eq!(client.put(path, &vec![7; size]).await.status, 200);
    assert_eq!(client.get(path).await.body.len(), size);
    client.head("GET", path, &[]).await;
    let mut received = vec![0; 1 << 20];
    client.stream.read_exact(&mut received).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let rest = client.stream.read_to_end(&mut received).await;
    assert!(rest.is_err() || received.len() < size, "{}", received.len());
}

#[tokio::test]
async fn storage_that_has_no_links_is_refused_at_the_start() {
    // A directory in which no file can be created, for root too.
    let error = LocalStore::open(Path::new("/proc/self/artifacts")).unwrap_err();
    assert!(error.to_string().contains("gateway.local_root"), "{error}");
}

#[tokio::test]
async fn refusal_of_a_body_that_was_asked_for_reaches_its_client() {
    let gateway = TestGateway::with(&[("max_artifact_size", "1")]);
    let mut client = gateway.client("trusted").await;
    let headers = ["Transfer-Encoding: chunked", "Expect: 100-continue"];
    client.head("PUT", "/v1/proxy/blob/a", &headers).await;
    assert_eq!(client.answer(false).await.status, 100);
    // Far beyond the limit, and more than the buffers of a connection.
    let chunk = vec![7; 1 << 20];
    for _ in 0..16 {
        let head = format!("{:x}\r\n", chunk.len());
        client.stream.write_all(head.as_bytes()).await.unwrap();
        client.stream.write_all(&chunk).await.unwrap();
        client.stream.write_all(b"\r\n").await.unwrap();
    }
    client.stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer(false).await.status, 413);
    assert_eq!(client.get("/health").await.status, 200);
}

#[tokio::test]
async fn small_pieces_with_pauses_are_one_artifact() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    let headers = ["Transfer-Encoding: chunked"];
    client.head("PUT", "/v1/proxy/blob/a", &headers).await;
    let mut sent = Vec::new();
    for byte in 0..3000_u32 {
        let byte = b'a' + (byte % 26) as u8;
        sent.push(byte);
        client
            .stream
            .write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n'])
            .await
            .unwrap();
        if sent.len() % 1000 == 0 {
            // Longer than a block waits for more bytes.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    client.stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer(false).await.status, 200);
    assert_eq!(client.get("/v1/proxy/blob/a").await.body, sent);
}

#[tokio::test]
async fn removed_directory_of_uploads_is_made_again() {
    let gateway = TestGateway::start();
    std::fs::remove_dir_all(gateway.dir.path().join("store/.tmp")).unwrap();
    let mut client = gateway.client("trusted").await;
    let answer = client.put("/v1/proxy/blob/a", b"bytes").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn part_of_an_artifact_is_refused() {
    let gateway = TestGateway::start();
    let mut client = gateway.client("trusted").await;
    for path in ["/v1/proxy/blob/a", "/v1/cache/a", "/v8/artifacts/a"] {
        let part = ["Content-Range: bytes 3-5/6"];
        let answer = client.request("PUT", path, &part, b"def").await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
}
