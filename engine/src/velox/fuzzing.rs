//! Entry points of the fuzz targets in `fuzz/`: input from a build server, from its files, and from other processes of
//! the host. Asserts the properties that hold for any bytes. Not part of a product build.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    build::{
        body,
        body_decoder::BodyDecoder,
        client::{Client, Reply},
        error::AttemptError,
        executable, response, server_file,
    },
    flight::{FlightId, Join, Poll, SingleFlight, progress::Progress},
    protocol::request::BuildRequest,
};
use crate::{config::Settings, runtime::CancellationToken, secret::ServerUrl};

/// The limit of a message about any answer of a server.
const MAX_MESSAGE: usize = 64 << 10;

/// Classifies an answer's status and body.
pub fn answer(status: u16, location: Option<&str>, body: &[u8]) {
    let error = if status == 200 {
        match response::parse_path(body) {
            Ok(found) => {
                assert!(!found.path.is_empty());
                return;
            }
            Err(error) => error,
        }
    } else {
        response::classify("http://velox.example", status, location, body)
    };
    bounded(&error);
}

fn bounded(attempt: &AttemptError) {
    if let AttemptError::Permanent(error)
    | AttemptError::RetryOnce(error)
    | AttemptError::Transient(_, error)
    | AttemptError::FileGone(error)
    | AttemptError::DiskFull(_, error)
    | AttemptError::Storage(error) = attempt
    {
        assert!(error.to_string().len() <= MAX_MESSAGE);
    }
}

/// Decodes a body, compressed or not, in chunks of any length.
pub fn body(bytes: &[u8], chunk: usize, max_size: u64) {
    let mut decoder = BodyDecoder::new(Vec::new(), max_size, None, CancellationToken::new());
    for chunk in bytes.chunks(chunk.max(1)) {
        if decoder.write(chunk).is_err() {
            return;
        }
    }
    if let Ok(sink) = decoder.finish() {
        assert!(sink.len() as u64 <= max_size);
    }
}

/// Checks a file's first bytes and its size.
pub fn magic(header: &[u8], size: u64, os: &str, arch: &str) {
    let _ = executable::check(header, size, os, arch);
}

/// Locates the path of an answer below a root.
pub fn locate(path: &str, roots: &[(PathBuf, PathBuf)]) {
    match server_file::locate(Path::new(path), roots) {
        Ok((local, relative)) => {
            assert!(roots.iter().any(|(_, root)| *root == local));
            let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
            assert!(!relative.as_os_str().is_empty() && relative.components().all(normal));
        }
        Err(error) => bounded(&error),
    }
}

/// Reads the progress that another process published.
pub fn progress(bytes: &[u8]) {
    if let Ok(published) = serde_json::from_slice::<Value>(bytes) {
        let copied = Progress::default().updated_from(&published);
        assert!(copied.lines.len() <= 20);
        let _ = copied.to_json();
    }
}

/// Reads the files of all flights in a directory: for status, for joining, and as a follower.
pub fn flights(dir: &Path, key: u64, digest: u64) {
    let Ok(flights) = SingleFlight::new(dir.to_owned()) else {
        return;
    };
    let _ = (flights.active(), flights.completed());
    let id = FlightId { key, digest };
    match flights.join(id, false) {
        Ok(Join::Leader(leader)) => {
            let Ok(Join::Follower(mut follower)) = flights.join(id, false) else {
                return;
            };
            let _ = leader.add_request_ids(&["one".to_owned()]);
            assert!(matches!(follower.poll(), Ok(Poll::Active(_))));
        }
        Ok(Join::Follower(mut follower)) => drop(follower.poll()),
        _ => {}
    }
}

/// A client and a server that answers with any bytes.
pub struct Wire {
    runtime: tokio::runtime::Runtime,
    client: Client,
    answers: mpsc::Sender<Vec<u8>>,
    request: BuildRequest,
}

impl Wire {
    /// Listens on loopback.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let (answers, next) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            while let (Ok(answer), Ok((stream, _))) = (next.recv(), listener.accept()) {
                let _ = respond(stream, &answer);
            }
        });
        let mut settings = Settings::default().velox;
        settings.server_url = ServerUrl::parse(&address).ok();
        settings.request_timeout = Duration::from_secs(5);
        let request = serde_json::json!({"rr_version": "master", "plugins": [{"module_name": "m", "tag": "t"}]});
        let other = |error: crate::Error| io::Error::other(error.to_string());
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            client: Client::new(&settings).map_err(other)?,
            answers,
            request: BuildRequest::from_json(&request).map_err(other)?,
        })
    }

    /// Asks for a build and answers with these bytes, then closes the connection.
    pub fn exchange(&self, answer: &[u8]) {
        const MAX_SIZE: u64 = 1 << 20;
        if self.answers.send(answer.to_vec()).is_err() {
            return;
        }
        let idle_timeout = self.client.idle_timeout();
        let ended = self.runtime.block_on(async {
            match self.client.request_build(&self.request, false).await {
                Ok(Reply::Body(response)) => {
                    body::receive(response, idle_timeout, MAX_SIZE, Vec::new(), None)
                        .await
                        .map(drop)
                }
                Ok(Reply::Path(_)) => Ok(()),
                Err(error) => Err(error),
            }
        });
        if let Err(error) = ended {
            bounded(&error);
        }
    }
}

/// Reads one request and answers it.
fn respond(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    // A request ends with its JSON.
    while !seen.ends_with(b"}") {
        let count = stream.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        seen.extend_from_slice(block.get(..count).unwrap_or_default());
    }
    stream.write_all(answer)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Until the client has closed, or its answer would be lost.
    while stream.read(&mut block)? > 0 {}
    Ok(())
}
