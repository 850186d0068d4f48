//! Bytes and headers of downloads: whole, in parts, over all kinds of connections, and of files that change.

use std::{fs::OpenOptions, path::PathBuf, time::Duration};

use pillion_fakes::Options;
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UnixStream},
};

use crate::{
    client::{Answer, begin, read_head, send},
    test_host::{LARGE, Running, TestHost, ask, get, large, request, until},
};

/// The path of the one cached binary.
fn binary(running: &Running) -> PathBuf {
    let store = running.engine.store().unwrap().unwrap();
    let entries = store.entries(10, None);
    assert_eq!(entries.len(), 1);
    store.path(&entries[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn miss_is_built_and_then_a_hit() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let miss = get(address, &link, &[]).await;
    assert_eq!(miss.status, 200, "{}", miss.text());
    assert_eq!(miss.header("x-cache-status"), "MISS");
    let seconds: f64 = miss.header("x-build-time").parse().unwrap();
    assert!(seconds >= 0.0 && miss.header("x-cache-age").is_empty());
    let hit = get(address, &link, &[]).await;
    assert_eq!((hit.status, &hit.body), (200, &miss.body));
    assert_eq!(hit.body, std::fs::read(binary(&running)).unwrap());
    let sha256: String = Sha256::digest(&hit.body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (name, value) in [
        ("etag", format!("\"{sha256}\"").as_str()),
        ("content-length", "65536"),
        ("content-type", "application/octet-stream"),
        (
            "content-disposition",
            "attachment; filename=\"roadrunner-linux-amd64\"",
        ),
        ("accept-ranges", "bytes"),
        ("x-cache-status", "HIT"),
        ("x-build-request-id", "123e4567-e89b-42d3-a456-426614174000"),
    ] {
        assert_eq!(hit.header(name), value, "{name}");
    }
    assert!(hit.header("x-cache-age").parse::<u64>().is_ok());
    assert!(hit.header("last-modified").ends_with(" GMT"));
    assert!(hit.header("x-build-time").is_empty());
    let head = ask(address, "HEAD", &link, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["etag", "content-length", "content-disposition"] {
        assert_eq!(head.header(name), hit.header(name));
    }
    assert_eq!(host.fake.counters().builds_started, 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_conditions_are_answered() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    let etag = whole.header("etag");
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=100-299", 100, 299),
        ("bytes=65000-", 65_000, 65_535),
        ("bytes=-10", 65_526, 65_535),
    ] {
        let part = get(address, &link, &[&format!("Range: {range}")]).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, &whole.body[first..=last], "{range}");
        let expected = format!("bytes {first}-{last}/65536");
        assert_eq!(part.header("content-range"), expected);
        assert_eq!(
            part.header("content-length"),
            (last - first + 1).to_string()
        );
    }
    let several = get(address, &link, &["Range: bytes=0-1,4-5"]).await;
    assert_eq!((several.status, several.body.len()), (200, 65_536));
    let beyond = get(address, &link, &["Range: bytes=65536-"]).await;
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.header("content-range"), "bytes */65536");
    let range = "Range: bytes=10-19";
    let same = get(address, &link, &[range, &format!("If-Range: {etag}")]).await;
    assert_eq!(same.status, 206);
    let other = get(address, &link, &[range, "If-Range: \"other\""]).await;
    assert_eq!((other.status, other.body.len()), (200, 65_536));
    let known = get(address, &link, &[&format!("If-None-Match: {etag}")]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), etag);
    let failed = get(address, &link, &["If-Match: \"other\""]).await;
    assert_eq!(failed.status, 412);
    let head = ask(address, "HEAD", &link, &[range]).await;
    assert_eq!(head.header("content-length"), "65536");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_binary_is_equal_over_all_connections() {
    let host = TestHost::with(large(), &[]);
    let socket = host.dir.path().join("serve.sock");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    let host = TestHost::with(large(), &[("serve_listen", &listen)]);
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let over_tcp = get(address, &link, &[]).await;
    let content = std::fs::read(binary(&running)).unwrap();
    assert_eq!(content.len() as u64, LARGE);
    assert!(over_tcp.body == content);
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    send(&mut stream, "GET", &link, &["Range: bytes=1-"]).await;
    assert!(Answer::read(&mut stream).await.body == content[1..]);
    // Two streams of one connection, interleaved.
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driving = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut responses = Vec::new();
    for _ in 0..2 {
        let request = http::Request::get(format!("http://x{link}"))
            .body(())
            .unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        responses.push(tokio::spawn(async move {
            let mut body = response.await.unwrap().into_body();
            let mut bytes = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk.unwrap();
                body.flow_control().release_capacity(chunk.len()).unwrap();
                bytes.extend_from_slice(&chunk);
            }
            bytes
        }));
    }
    for response in responses {
        assert!(response.await.unwrap() == content);
    }
    driving.abort();
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_file_is_sent_to_its_end() {
    let host = TestHost::new(large());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    let mut slow = begin(address, &link, &[]).await;
    let (_, mut body) = read_head(&mut slow).await;
    std::fs::remove_file(binary(&running)).unwrap();
    slow.read_to_end(&mut body).await.unwrap();
    assert!(body == whole.body);
    // The next client gets a build of its own.
    let next = get(address, &link, &[]).await;
    assert_eq!(next.header("x-cache-status"), "MISS");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_with_other_bytes_is_built_again() {
    let host = TestHost::new(Options::default());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    // The change is as close as that to the creation.
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let other = vec![b'x'; whole.body.len()];
    std::fs::write(binary(&running), other).unwrap();
    let next = get(address, &link, &[]).await;
    assert_eq!((next.status, next.header("x-cache-status")), (200, "MISS"));
    assert_ne!(next.body[..100], [b'x'; 100]);
    let hit = get(address, &link, &[]).await;
    assert_eq!(hit.header("x-cache-status"), "HIT");
    assert!(hit.body == next.body);
    assert_eq!(host.fake.counters().builds_started, 2);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_file_ends_the_connection_early() {
    let host = TestHost::new(large());
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    let whole = get(address, &link, &[]).await;
    let mut slow = begin(address, &link, &[]).await;
    let (head, mut body) = read_head(&mut slow).await;
    assert!(head.contains(&format!("content-length: {LARGE}")), "{head}");
    let file = OpenOptions::new()
        .write(true)
        .open(binary(&running))
        .unwrap();
    file.set_len(LARGE - 1).unwrap();
    let _ = slow.read_to_end(&mut body).await;
    assert_eq!(body.len() as u64, LARGE - 1);
    assert!(body == whole.body[..body.len()]);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_reads_nothing_is_disconnected() {
    let host = TestHost::with(large(), &[("serve_write_timeout", "1s")]);
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    get(address, &link, &[]).await;
    let disconnects = || {
        let page = running
            .engine
            .render_metrics("", pillion_engine::metrics::Format::Prometheus);
        let line = page
            .lines()
            .find(|line| line.starts_with("velox_client_disconnects_total{stage=\"stream\"}"));
        line.unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let before = disconnects();
    let mut slow = begin(address, &link, &[]).await;
    let (_, mut body) = read_head(&mut slow).await;
    until("the disconnect is counted", || disconnects() > before).await;
    let _ = slow.read_to_end(&mut body).await;
    assert!((body.len() as u64) < LARGE);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_a_client_that_grants_nothing_is_reset() {
    let host = TestHost::with(large(), &[("serve_write_timeout", "1s")]);
    let mut running = host.start();
    let address = running.address().await;
    let link = host.link(&request("http"));
    get(address, &link, &[]).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driving = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::get(format!("http://x{link}"))
        .body(())
        .unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let mut received = 0;
    let error = loop {
        match body.data().await.unwrap() {
            Ok(chunk) => received += chunk.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{received}");
    assert!(client.ready().await.is_ok(), "the connection goes on");
    driving.abort();
    running.end().await;
}
