//! A server that sends raw bytes, for answers that violate HTTP.

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
pub(super) struct RawServer {
    pub(super) address: SocketAddr,
    /// The received requests.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    /// Bytes that the client's kernel has accepted.
    pub(super) sent: Arc<AtomicU64>,
}

type Respond = dyn Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync;

impl RawServer {
    /// Answers each request with `respond`, and closes.
    pub(super) fn new(
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
    pub(super) fn sending(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |to| to.write_all(&bytes))
    }

    /// Sends `head`, and then `again` repeatedly, until the client closes.
    pub(super) fn endless(head: &str, again: impl Into<Vec<u8>>, pause: Duration) -> Self {
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
    pub(super) fn requests(&self) -> usize {
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
pub(super) async fn build_with(raw: &RawServer, host: &mut Host) -> Result<Artifact> {
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

/// The beginning of a successful answer.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\n";
pub(super) const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
pub(super) const ELF: &str = "\u{7f}ELF\u{2}\u{1}\u{1}";
