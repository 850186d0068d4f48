//! Many concurrent builds on a small runtime: none may wait for a thread that another one needs.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use pillion_fakes::{Answer, Behaviour, Delivery, Gzip};
use tokio::task::JoinSet;

use super::*;

/// One thread for futures and one for blocking work: the minimum of a process.
fn small_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Builds `count` configurations concurrently.
fn build_many(host: &Host, count: usize) -> Vec<Result<Artifact>> {
    let velox = host.velox_with(Some(host.store()), count);
    small_runtime().block_on(async {
        let mut builds = JoinSet::new();
        for number in 0..count {
            let velox = velox.clone();
            builds.spawn(async move { build(&velox, request(&format!("m{number}"))).await });
        }
        builds.join_all().await
    })
}

/// Answers each request with headers at once, and with `json` after a pause that exceeds the progress interval.
fn slow_answers(json: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |mut stream: TcpStream| -> io::Result<()> {
        let (mut seen, mut block) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"}") && !seen.starts_with(b"GET") {
            let count = stream.read(&mut block)?;
            seen.extend_from_slice(&block[..count]);
        }
        let length = json.len();
        let head = format!(
            "HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        thread::sleep(Duration::from_millis(700));
        stream.write_all(json.as_bytes())
    };
    thread::spawn(move || {
        for stream in listener.incoming().map_while(io::Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    url
}

#[test]
fn fifty_slow_json_answers_share_one_thread() {
    let mut host = Host::new(Options::default());
    let url = slow_answers("{\"code\":\"internal\",\"message\":\"building plugins: no\"}");
    host.settings.server_url = Some(ServerUrl::parse(&url).unwrap());
    for end in build_many(&host, 50) {
        assert!(matches!(end, Err(Error::BuildFailed(_))), "{end:?}");
    }
}

#[test]
fn fifty_slow_binaries_share_one_thread() {
    let slow = Behaviour {
        delivery: Delivery {
            drip_ms: Some(2),
            ..Delivery::default()
        },
        ..Answer::Bytes {
            size: Some(600),
            gzip: Gzip::Body,
            keep: None,
            content_type: None,
        }
        .into()
    };
    let host = Host::new(Options::default().behave(slow));
    for built in build_many(&host, 50) {
        assert_eq!(built.unwrap().record.size, 600);
    }
    assert_eq!(host.counters().build_requests, 50);
}

#[test]
fn more_builds_than_the_cache_holds_all_end() {
    let host = Host::new(Options::default().delay(Duration::from_millis(20)));
    for built in build_many(&host, 150) {
        assert!(host.path(&built.unwrap()).is_file());
    }
}
