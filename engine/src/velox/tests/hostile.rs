//! Servers that violate HTTP, with raw bytes. Each build ends with the documented error, within its deadline, reads
//! little of the answer, removes its temporary files, and the next build works.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use super::*;

/// A server that sends raw bytes, on threads that end with their connections.
struct RawServer {
    address: SocketAddr,
    /// The received requests.
    seen: Arc<Mutex<Vec<String>>>,
    /// Bytes that the client's kernel has accepted.
    sent: Arc<AtomicU64>,
}

type Respond = dyn Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync;

impl RawServer {
    fn new(
        respond: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            sent: Arc::default(),
        };
        let (seen, sent) = (Arc::clone(&raw.seen), Arc::clone(&raw.sent));
        let respond: Arc<Respond> = Arc::new(respond);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, sent, respond) =
                    (Arc::clone(&seen), Arc::clone(&sent), Arc::clone(&respond));
                thread::spawn(move || serve(stream, &seen, &sent, &*respond));
            }
        });
        raw
    }

    /// Sends `bytes`, and closes.
    fn sending(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |to| to.write_all(&bytes))
    }

    /// Sends `head`, and then `again` repeatedly, until the client closes.
    fn endless(head: &str, again: impl Into<Vec<u8>>, pause: Duration) -> Self {
        let (head, again) = (head.to_owned(), again.into());
        Self::new(move |to| {
            to.write_all(head.as_bytes())?;
            loop {
                to.write_all(&again)?;
                thread::sleep(pause);
            }
        })
    }

    /// Returns the number of build requests, without progress requests.
    fn requests(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.starts_with("POST")).count()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, sent: &AtomicU64, respond: &Respond) {
    struct Counting<'a>(&'a mut TcpStream, &'a AtomicU64);
    impl Write for Counting<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let count = self.0.write(bytes)?;
            self.1.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }
    let mut request = Vec::new();
    let mut block = [0; 4096];
    while !request.ends_with(b"}") {
        match stream.read(&mut block) {
            Ok(count) if count > 0 => request.extend_from_slice(&block[..count]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    seen.lock().unwrap().push(text);
    if respond(&mut Counting(&mut stream, sent)).is_ok() {
        let _ = stream.shutdown(Shutdown::Write);
        while stream.read(&mut block).is_ok_and(|count| count > 0) {}
    }
}

/// Builds with that server, checks for temporary files, and builds with a working server.
async fn build_with(raw: &RawServer, host: &mut Host) -> Result<Artifact> {
    let good = host.settings.server_url.clone();
    host.settings.server_url = Some(ServerUrl::parse(&format!("http://{}", raw.address)).unwrap());
    let ended = build(&host.velox(), request("http")).await;
    host.settings.server_url = good;
    assert!(host.velox().find(&request("http")).is_none(), "{ended:?}");
    let dirs =
        ["cache/.pillion/tmp", "temporary/.pillion/tmp"].map(|name| host.dir.path().join(name));
    until("no temporary file", || {
        let count = |dir: &PathBuf| std::fs::read_dir(dir).map_or(0, Iterator::count);
        dirs.iter().map(count).sum::<usize>() == 0
    })
    .await;
    build(&host.velox(), request("http")).await.unwrap();
    ended
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const ELF: &str = "\u{7f}ELF\u{2}\u{1}\u{1}";

#[tokio::test]
async fn malformed_answers_fail_with_the_expected_error() {
    let long = "x".repeat(1 << 20);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("HTTP/0.9", b"<html>hello</html>".into(), "broke"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".into(), "broke"),
        (
            "a TLS alert",
            b"\x15\x03\x01\x00\x02\x02\x28".into(),
            "broke",
        ),
        ("nothing", b"".into(), "broke"),
        ("zeros", vec![0; 4096], "broke"),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            "broke",
        ),
        (
            "a protocol of its own",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
            "answered 101",
        ),
        (
            "no content",
            b"HTTP/1.1 204 No Content\r\n\r\n".into(),
            "answered 204",
        ),
        (
            "a status beyond all",
            b"HTTP/1.1 999 X\r\n\r\n".into(),
            "answered 999",
        ),
        (
            "chunks of no size",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\nZZ\r\nxx\r\n").into(),
            "did not arrive whole",
        ),
        (
            "a chunk beyond all",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nxx").into(),
            "did not arrive whole",
        ),
        (
            "a negative chunk",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n-1\r\nxx\r\n").into(),
            "did not arrive whole",
        ),
        (
            "a chunk that goes on",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n4\r\n{ELF}\r\n0\r\n\r\n").into(),
            "did not arrive whole",
        ),
        (
            "an extension of a megabyte",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n4;{long}\r\n").into(),
            "did not arrive whole",
        ),
        (
            "two lengths",
            format!("{OK}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde").into(),
            "broke",
        ),
        (
            "a negative length",
            format!("{OK}Content-Length: -1\r\n\r\n").into(),
            "broke",
        ),
        (
            "a length beyond all",
            format!("{OK}Content-Length: 99999999999999999999999\r\n\r\n").into(),
            "broke",
        ),
        (
            "two gigabytes, announced",
            format!("{OK}Content-Length: 2147483648\r\n\r\n{ELF}").into(),
            "larger than the 1073741824 bytes",
        ),
        (
            "two gigabytes of JSON",
            format!("{JSON}Content-Length: 2147483648\r\n\r\n{{").into(),
            "larger than the 16777216 bytes",
        ),
        (
            "less than announced",
            format!("{OK}Content-Length: 5000\r\n\r\n{ELF}").into(),
            "did not arrive whole",
        ),
        (
            "more than announced",
            format!("{OK}Content-Length: 4\r\n\r\n{ELF}and more").into(),
            "can't be used",
        ),
        (
            "a head line of a megabyte",
            format!("{OK}X: {long}\r\n\r\n").into(),
            "broke",
        ),
        (
            "a thousand head lines",
            format!("{OK}{}\r\n", "X: y\r\n".repeat(1000)).into(),
            "broke",
        ),
        (
            "JSON nested deep",
            format!("{JSON}\r\n{}", "[".repeat(1 << 20)).into(),
            "JSON that can't be read",
        ),
        (
            "JSON nested deep below a field",
            format!("{JSON}\r\n{{\"x\":{}", "{\"x\":".repeat(1 << 20)).into(),
            "JSON that can't be read",
        ),
        (
            "a number as path",
            format!("{JSON}\r\n{{\"path\":1e999}}").into(),
            "JSON that can't be read",
        ),
        (
            "half a character",
            format!("{JSON}\r\n{{\"path\":\"\\ud800\"}}").into(),
            "JSON that can't be read",
        ),
        (
            "two paths",
            format!("{JSON}\r\n{{\"path\":\"/a\",\"path\":\"/b\"}}").into(),
            "JSON that can't be read",
        ),
        (
            "no UTF-8",
            [JSON.as_bytes(), b"\r\n{\"path\":\"\xff\"}"].concat(),
            "JSON that can't be read",
        ),
        (
            "a NUL in a path",
            format!("{JSON}\r\n{{\"path\":\"/tmp/a\\u0000b\"}}").into(),
            "that no file can have",
        ),
        (
            "a path of a megabyte",
            format!("{JSON}\r\n{{\"path\":\"/{long}\"}}").into(),
            "that no file can have",
        ),
        (
            "a relative path",
            format!("{JSON}\r\n{{\"path\":\"etc/passwd\"}}").into(),
            "velox.path_map",
        ),
        (
            "a path that climbs",
            format!("{JSON}\r\n{{\"path\":\"/tmp/../etc/passwd\"}}").into(),
            "velox.path_map",
        ),
    ];
    for (name, bytes, words) in table {
        let raw = RawServer::sending(bytes);
        let mut host = Host::new(Options::default());
        let ended = build_with(&raw, &mut host).await;
        let Err(Error::Remote(message)) = &ended else {
            panic!("{name}: {ended:?}")
        };
        assert!(
            message.contains(words) && message.len() < 16 << 10,
            "{name}: {message:.300}"
        );
        assert!(
            raw.requests() <= 3,
            "{name}: asked {} times",
            raw.requests()
        );
    }
}

#[tokio::test]
async fn endless_answers_are_cut_off_early() {
    let lines = "X-Junk: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(100);
    let blank = " ".repeat(64 << 10);
    let zeros = vec![0; 64 << 10];
    let chunk = format!("10000\r\n{}\r\n", "\0".repeat(64 << 10));
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    let table: Vec<(&str, String, Vec<u8>, &str)> = vec![
        ("head lines", OK.into(), lines.into(), "broke"),
        (
            "one head line",
            format!("{OK}X: "),
            blank.clone().into(),
            "broke",
        ),
        (
            "one status line",
            "HTTP/1.1 200 ".into(),
            blank.clone().into(),
            "broke",
        ),
        (
            "blanks as JSON",
            format!("{JSON}\r\n"),
            blank.into(),
            "larger than the 16777216 bytes",
        ),
        (
            "zeros",
            format!("{OK}\r\n"),
            zeros.clone(),
            "no ELF executable",
        ),
        (
            "zeros in chunks",
            chunked,
            chunk.into(),
            "no ELF executable",
        ),
        (
            "two gigabytes of zeros",
            format!("{OK}Content-Length: 1073741824\r\n\r\n"),
            zeros,
            "no ELF executable",
        ),
    ];
    for (name, head, again, words) in table {
        let raw = RawServer::endless(&head, again, Duration::ZERO);
        let mut host = Host::new(Options::default());
        let ended = build_with(&raw, &mut host).await;
        let Err(Error::Remote(message)) = &ended else {
            panic!("{name}: {ended:?}")
        };
        assert!(
            message.contains(words) && message.len() < 16 << 10,
            "{name}: {message:.300}"
        );
        // Up to three times; much of it is in the kernel's buffers.
        let sent = raw.sent.load(Ordering::Relaxed);
        assert!(sent < 100 << 20, "{name}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn slow_server_is_abandoned_at_the_build_timeout() {
    let slow = Duration::from_millis(100);
    let table: Vec<(&str, RawServer)> = vec![
        ("says nothing", RawServer::endless("", "", slow)),
        (
            "drips its head",
            RawServer::endless("HTTP/1.1 200 OK\r\nX: ", "x", slow),
        ),
        (
            "drips its binary",
            RawServer::endless(&format!("{OK}\r\n{ELF}"), "x", slow),
        ),
        (
            "drips JSON",
            RawServer::endless(&format!("{JSON}\r\n{{"), " ", slow),
        ),
        (
            "says to go on for ever",
            RawServer::endless("", "HTTP/1.1 100 Continue\r\n\r\n", slow),
        ),
        (
            "says so a hundred thousand times a second",
            RawServer::endless(
                "",
                "HTTP/1.1 100 Continue\r\n\r\n".repeat(500),
                Duration::from_millis(5),
            ),
        ),
    ];
    for (name, raw) in table {
        let mut host = Host::new(Options::default());
        host.settings.build_timeout = Duration::from_secs(1);
        host.settings.request_timeout = Duration::from_secs(10);
        let started = std::time::Instant::now();
        let ended = build_with(&raw, &mut host).await;
        // Only the deadline ends these; its exact time does not matter.
        assert!(matches!(ended, Err(Error::Timeout(_))), "{name}: {ended:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "{name}");
        assert_eq!(raw.requests(), 1, "{name}");
    }
}

#[tokio::test]
async fn answer_after_the_timeout_is_discarded() {
    let mut host = Host::new(Options::default());
    host.settings.build_timeout = Duration::from_secs(1);
    let answered = Arc::new(AtomicU64::new(0));
    let late = Arc::clone(&answered);
    let raw = RawServer::new(move |to| {
        thread::sleep(Duration::from_millis(1500));
        let body = [ELF.as_bytes(), &[0; 4096]].concat();
        let end = to
            .write_all(format!("{OK}Content-Length: {}\r\n\r\n", body.len()).as_bytes())
            .and_then(|()| to.write_all(&body));
        late.fetch_add(1, Ordering::Relaxed);
        end
    });
    let ended = build_with(&raw, &mut host).await;
    assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
    let first = host.velox().find(&request("http")).unwrap();
    until("the late answer", || answered.load(Ordering::Relaxed) == 1).await;
    assert_eq!(
        host.velox().find(&request("http")).unwrap().record,
        first.record
    );
}

#[tokio::test]
async fn redirect_does_not_leak_the_token() {
    let trap = RawServer::sending("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (status, place) in [
        (
            301,
            format!("http://{}/api.service.v1.BuildService/Build", trap.address),
        ),
        (302, format!("http://localhost:{}/", trap.address.port())),
        (307, format!("//{}/x", trap.address)),
        (308, "/api.service.v1.BuildService/Build".into()),
        (303, "file:///etc/passwd".into()),
        (300, "gopher://x".into()),
        (302, String::new()),
    ] {
        let raw = RawServer::sending(format!(
            "HTTP/1.1 {status} X\r\nLocation: {place}\r\nRefresh: 0; url={place}\r\nContent-Length: 0\r\n\r\n"
        ));
        let mut host = Host::new(Options::default());
        host.settings.auth_token = Some(Secret::new("s3cr3t"));
        let message = remote(build_with(&raw, &mut host).await);
        assert!(
            message.contains("redirects are not followed") && !message.contains("s3cr3t"),
            "{message}"
        );
        let heads = raw.seen.lock().unwrap().clone();
        assert_eq!(raw.requests(), 1, "{place}");
        assert!(heads[0].contains("authorization: Bearer s3cr3t"));
    }
    assert_eq!(trap.requests(), 0);
}

#[tokio::test]
async fn plain_http_server_at_an_https_url_is_an_error() {
    let raw = RawServer::sending("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut host = Host::new(Options::default());
    host.settings.server_url = Some(ServerUrl::parse(&format!("https://{}", raw.address)).unwrap());
    host.settings.auth_token = Some(Secret::new("s3cr3t"));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("can't be reached") && message.contains("after 3 attempts"),
        "{message}"
    );
    assert!(
        raw.seen
            .lock()
            .unwrap()
            .iter()
            .all(|seen| !seen.contains("s3cr3t"))
    );
}
