//! Server-sent events of the dashboard.

use std::time::Duration;

use pillion_fakes::Options;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Guarded, access::login, bearer, call};
use crate::{client::read_head, test_host::TestHost};

const LIMIT: Duration = Duration::from_secs(20);

/// A stream of events, after its head.
struct Stream {
    stream: TcpStream,
    text: String,
}

impl Stream {
    async fn open(address: std::net::SocketAddr, topics: &str) -> Self {
        Self::open_with(address, topics, "").await
    }

    /// Opens one with the line of a header.
    async fn open_with(address: std::net::SocketAddr, topics: &str, header: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // HTTP/1.0: a body without the framing of chunks.
        let head = format!(
            "GET /dashboard/api/events?topics={topics} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (head, body) = read_head(&mut stream).await;
        assert!(head.contains("text/event-stream"), "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("content-security-policy"),
            "{head}"
        );
        let text = String::from_utf8(body).unwrap();
        Self { stream, text }
    }

    /// Name and data of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let Some((name, data)) = event.split_once('\n') else {
                    continue;
                };
                let name = name.strip_prefix("event: ").unwrap().to_owned();
                let data = data.strip_prefix("data: ").unwrap();
                return Some((name, serde_json::from_str(data).unwrap()));
            }
            let mut bytes = vec![0; 65536];
            let read = timeout(LIMIT, self.stream.read(&mut bytes)).await.unwrap();
            let count = read.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.text += std::str::from_utf8(&bytes[..count]).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_topic_comes_at_once_and_again_after_a_change() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let mut stream = Stream::open(address, "overview,workers").await;
    assert!(stream.text.starts_with("retry: 2000\n\n") || stream.text.is_empty());
    let mut names = vec![
        stream.next().await.unwrap().0,
        stream.next().await.unwrap().0,
    ];
    names.sort();
    assert_eq!(names, ["overview", "workers"]);
    // The time in it is another one.
    let (name, again) = loop {
        let (name, data) = stream.next().await.unwrap();
        if name == "overview" {
            break (name, data);
        }
    };
    assert_eq!(
        (name.as_str(), again["pid"].as_u64()),
        ("overview", Some(std::process::id().into()))
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_share_one_computation_and_a_late_one_gets_it_at_once() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let mut one = Stream::open(address, "overview").await;
    let first = one.next().await.unwrap().1;
    let mut other = Stream::open(address, "overview").await;
    assert_eq!(other.next().await.unwrap().1["time"], first["time"]);
    assert_eq!(
        one.next().await.unwrap().1["time"],
        other.next().await.unwrap().1["time"]
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_server() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let mut stream = Stream::open(address, "overview").await;
    stream.next().await.unwrap();
    // The stream would hold it for serve.shutdown_timeout, which is longer than the limit of this test.
    timeout(LIMIT, server.end()).await.unwrap();
    while stream.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_reads_nothing_gets_the_newest_view_later() {
    let host = TestHost::new(Options::default());
    let mut server = host.start();
    let address = server.address().await;
    let mut slow = Stream::open(address, "overview").await;
    let mut fast = Stream::open(address, "overview").await;
    for _ in 0..4 {
        fast.next().await.unwrap();
    }
    assert!(slow.next().await.is_some());
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_ends_with_the_right_to_read() {
    let guarded = Guarded::start().await;
    let address = guarded.address;
    let (cookie, csrf) = login(&guarded).await;
    let line = format!("{cookie}\r\n");
    let mut of_session = Stream::open_with(address, "overview", &line).await;
    let line = format!("{}\r\n", bearer());
    let mut of_token = Stream::open_with(address, "overview", &line).await;
    of_session.next().await.unwrap();
    of_token.next().await.unwrap();
    let ended = call(address, "DELETE", "/api/session", &[&cookie, &csrf], "").await;
    assert_eq!(ended.status, 200);
    timeout(LIMIT, async { while of_session.next().await.is_some() {} })
        .await
        .unwrap();
    // The other client reads on, until the token is another one.
    of_token.next().await.unwrap();
    of_token.next().await.unwrap();
    let token = guarded.host.dir.path().join("token");
    std::fs::write(&token, "another-token\n").unwrap();
    timeout(LIMIT, async { while of_token.next().await.is_some() {} })
        .await
        .unwrap();
    guarded.server.end().await;
}
