//! A client without any logic of its own: it sends bytes over a socket and returns the received ones, so that tests see
//! faults that a real HTTP client would hide.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pillion_fakes::{FakeVelox, Options};
use serde_json::{Value, json};

pub const PATH: &str = "/api.service.v1.BuildService/Build";

/// Starts a server that needs no thread of the test.
pub fn server(options: Options) -> FakeVelox {
    FakeVelox::start_apart(options).unwrap()
}

/// A valid request.
pub fn request() -> Value {
    versioned("v2025.1.9")
}

/// A valid request for that RoadRunner version.
pub fn versioned(version: &str) -> Value {
    json!({
        "request_id": "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11",
        "rr_version": version,
        "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}],
    })
}

/// A complete HTTP request; `headers` are lines that end in CR LF.
pub fn http(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let typed = if method == "POST" {
        "Content-Type: application/json\r\n"
    } else {
        ""
    };
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{typed}{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A parsed response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    /// Without chunk framing.
    pub body: Vec<u8>,
    /// Whether the body is as long as the head or the chunks announce.
    pub whole: bool,
    pub took: Duration,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn path(&self) -> String {
        self.json()["path"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }

    fn parse(raw: &[u8], took: Duration) -> Self {
        let end = raw
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(raw.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .unwrap_or(0);
        let mut answer = Self {
            status,
            head,
            body: raw[end..].to_vec(),
            whole: false,
            took,
        };
        if answer.header("Transfer-Encoding").is_some() {
            (answer.body, answer.whole) = unchunk(&answer.body);
        } else {
            answer.whole = answer.header("Content-Length") == Some(answer.body.len().to_string());
        }
        answer
    }
}

fn unchunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = raw.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        raw = &raw[end + 2..];
        if size == 0 {
            return (body, raw == b"\r\n");
        }
        if raw.len() < size + 2 {
            body.extend(raw);
            return (body, false);
        }
        body.extend(&raw[..size]);
        raw = &raw[size + 2..];
    }
}

/// Sends bytes and reads until the server closes the connection, at most ten seconds.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    let mut out = Vec::new();
    // A reset ends the read as well; earlier bytes stay in `out`.
    let _ = stream.read_to_end(&mut out);
    out
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// One request over a new connection.
pub fn call(server: &FakeVelox, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let start = Instant::now();
    let raw = exchange(
        server.addr(),
        &http(
            method,
            path,
            &format!("Connection: close\r\n{headers}"),
            body,
        ),
    );
    Answer::parse(&raw, start.elapsed())
}

pub fn build(server: &FakeVelox, request: &Value) -> Answer {
    call(server, "POST", PATH, "", &request.to_string())
}

/// Sends a build request and leaves the connection open.
pub fn begin(server: &FakeVelox, request: &Value) -> TcpStream {
    let mut stream = connect(server.addr());
    stream
        .write_all(&http("POST", PATH, "", &request.to_string()))
        .unwrap();
    stream
}

/// Waits until that holds; for effects after an answer or a hang-up.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
