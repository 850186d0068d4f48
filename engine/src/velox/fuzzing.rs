//! Doors of this room for the fuzz targets in `fuzz/`: what a build server, a file of it, or another process of the
//! host may give us. What has to hold of any bytes is asserted here, beside what it is about. Never in a product.

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
        client::{Client, Reply},
        error::Trouble,
        executable,
        progress::Progress,
        receive::Intake,
        response,
        server_file::{self, PathRoot},
    },
    flight::{Boarding, FlightId, Flights, Sight},
    protocol::request::Request,
};
use crate::{
    config::{ServerUrl, Settings},
    runtime::CancellationToken,
};

/// The longest message that anything a server says may make.
const MOST_MESSAGE: usize = 64 << 10;

/// An answer's status and body.
pub fn answer(status: u16, location: Option<&str>, body: &[u8]) {
    let trouble = if status == 200 {
        match response::path(body) {
            Ok(found) => {
                assert!(!found.path.is_empty());
                return;
            }
            Err(trouble) => trouble,
        }
    } else {
        response::failure("http://velox.example", status, location, body)
    };
    bounded(&trouble);
}

fn bounded(trouble: &Trouble) {
    if let Trouble::Final(error)
    | Trouble::Doubtful(error)
    | Trouble::Passing(_, error)
    | Trouble::Stale(error)
    | Trouble::Full(_, error)
    | Trouble::Unkept(error) = trouble
    {
        assert!(error.to_string().len() <= MOST_MESSAGE);
    }
}

/// A body, packed or not, in pieces of any length.
pub fn body(bytes: &[u8], piece: usize, most: u64) {
    let mut intake = Intake::new(Vec::new(), most, None, CancellationToken::new());
    for piece in bytes.chunks(piece.max(1)) {
        if intake.take(piece).is_err() {
            return;
        }
    }
    if let Ok(sink) = intake.finish() {
        assert!(sink.len() as u64 <= most);
    }
}

/// A file's start, and what is told of its size.
pub fn magic(head: &[u8], size: u64, os: &str, arch: &str) {
    let _ = executable::check(head, size, os, arch);
}

/// A path answer against a map of roots: what is opened lies below a root.
pub fn locate(path: &str, roots: &[(PathBuf, PathBuf)]) {
    let roots: Vec<PathRoot> = roots
        .iter()
        .map(|(server, local)| PathRoot {
            server: server.clone(),
            local: local.clone(),
        })
        .collect();
    match server_file::locate(Path::new(path), &roots) {
        Ok((local, relative)) => {
            assert!(roots.iter().any(|root| root.local == local));
            let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
            assert!(!relative.as_os_str().is_empty() && relative.components().all(normal));
        }
        Err(trouble) => bounded(&trouble),
    }
}

/// What another process said of its build.
pub fn progress(bytes: &[u8]) {
    if let Ok(told) = serde_json::from_slice::<Value>(bytes) {
        let mirrored = Progress::default().mirror(&told);
        assert!(mirrored.lines.len() <= 20);
        let _ = mirrored.to_json();
    }
}

/// The files of all flights in a directory, read by who looks, by who asks and by who waits.
pub fn flights(dir: &Path, key: u64, digest: u64) {
    let Ok(flights) = Flights::new(dir.to_owned()) else {
        return;
    };
    let _ = (flights.flying(), flights.ended());
    let id = FlightId { key, digest };
    match flights.board(id, false) {
        Ok(Boarding::Lead(leader)) => {
            let Ok(Boarding::Wait(mut waiter)) = flights.board(id, false) else {
                return;
            };
            let _ = leader.note(&["one".to_owned()]);
            assert!(matches!(waiter.look(), Ok(Sight::Flying(_))));
        }
        Ok(Boarding::Wait(mut waiter)) => drop(waiter.look()),
        _ => {}
    }
}

/// A client and a server that answers with any bytes.
pub struct Wire {
    runtime: tokio::runtime::Runtime,
    client: Client,
    answers: mpsc::Sender<Vec<u8>>,
    request: Request,
}

impl Wire {
    /// Listens on loopback.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let place = format!("http://{}", listener.local_addr()?);
        let (answers, next) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            while let (Ok(answer), Ok((stream, _))) = (next.recv(), listener.accept()) {
                let _ = say(stream, &answer);
            }
        });
        let mut settings = Settings::default().velox;
        settings.server_url = ServerUrl::parse(&place).ok();
        settings.request_timeout = Duration::from_secs(5);
        let request = serde_json::json!({"rr_version": "master", "plugins": [{"module_name": "m", "tag": "t"}]});
        let other = |error: crate::Error| io::Error::other(error.to_string());
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            client: Client::new(&settings).map_err(other)?,
            answers,
            request: Request::from_json(&request).map_err(other)?,
        })
    }

    /// Asks for a build and gets these bytes, then the end of the connection.
    pub fn exchange(&self, answer: &[u8]) {
        const MOST: u64 = 1 << 20;
        if self.answers.send(answer.to_vec()).is_err() {
            return;
        }
        let silence = self.client.silence();
        let ended = self.runtime.block_on(async {
            match self.client.ask(&self.request, false).await {
                Ok(Reply::Body(response)) => {
                    body::receive(response, silence, MOST, Vec::new(), None)
                        .await
                        .map(drop)
                }
                Ok(Reply::Path(_)) => Ok(()),
                Err(trouble) => Err(trouble),
            }
        });
        if let Err(trouble) = ended {
            bounded(&trouble);
        }
    }
}

/// Reads one request and answers it.
fn say(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    // Our requests end with their JSON.
    while !seen.ends_with(b"}") {
        let count = stream.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        seen.extend_from_slice(block.get(..count).unwrap_or_default());
    }
    stream.write_all(answer)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Until the client has left, or its answer would be lost.
    while stream.read(&mut block)? > 0 {}
    Ok(())
}
