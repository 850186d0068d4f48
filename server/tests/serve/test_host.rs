//! A host with its directories, a fake build server and a standing server in this process.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::{
    config::{self, ListenAddress, Sources},
    engine::Engine,
    host::{clock, secret::Secret},
    velox::{
        BuildRequest,
        delivery::{PATH_PREFIX, StoredRequests, Ticket},
    },
};
use pillion_fakes::{FakeVelox, Options};
use pillion_server::serve::{Server, State, Stop};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};

use crate::client::{Answer, begin, send};

pub const HOUR: Duration = Duration::from_secs(3600);

/// The size of a binary that exceeds the buffers of a connection.
pub const LARGE: u64 = 24 << 20;

/// Builds of [`LARGE`] bytes.
pub fn large() -> Options {
    let mut options = Options::default();
    options.script.size = Some(LARGE);
    options
}

/// A host.
pub struct TestHost {
    pub dir: TempDir,
    pub fake: FakeVelox,
    settings: HashMap<String, String>,
}

/// A running server.
pub struct Running {
    pub engine: Arc<Engine>,
    pub stop: Stop,
    pub states: mpsc::UnboundedReceiver<Option<SocketAddr>>,
    pub task: JoinHandle<pillion_engine::Result<()>>,
}

impl TestHost {
    pub fn new(options: Options) -> Self {
        Self::with(options, &[])
    }

    /// A host with more settings.
    pub fn with(options: Options, more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeVelox::start_apart(options).unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut settings: HashMap<String, String> = [
            ("state_dir", path("state")),
            ("run_dir", path("run")),
            ("velox_server_url", fake.url()),
            ("velox_path_map", fake.root().display().to_string()),
            ("velox_retry_max_attempts", "1".into()),
            ("serve_listen", "127.0.0.1:0".into()),
        ]
        .map(|(name, value)| (format!("pillion.{name}"), value))
        .into();
        for (name, value) in more {
            settings.insert(format!("pillion.{name}"), (*value).to_owned());
        }
        Self {
            dir,
            fake,
            settings,
        }
    }

    /// Starts a server.
    pub fn start(&self) -> Running {
        self.start_with(&[])
    }

    /// Starts a server with more settings.
    pub fn start_with(&self, more: &[(&str, &str)]) -> Running {
        let mut settings = self.settings.clone();
        for (name, value) in more {
            settings.insert(format!("pillion.{name}"), (*value).to_owned());
        }
        let resolved = config::resolve(&Sources {
            ini: &|name| settings.get(name).cloned(),
            env: &|_| None,
            read_file: &config::file::read,
            cwd: self.dir.path(),
        });
        assert!(resolved.errors.is_empty(), "{:?}", resolved.errors);
        let engine = Arc::new(Engine::of_server(resolved, HashMap::new()));
        let server = Server::new(Arc::clone(&engine)).unwrap();
        let stop = Stop::default();
        let (sender, states) = mpsc::unbounded_channel();
        let running = server.run(stop.clone(), move |state| {
            let address = match state {
                State::StandBy => None,
                State::Listening(addresses) => addresses.iter().find_map(|address| match address {
                    ListenAddress::Tcp(text) => text.parse().ok(),
                    ListenAddress::Unix(_) => None,
                }),
            };
            let _ = sender.send(address);
        });
        Running {
            engine,
            stop,
            states,
            task: tokio::spawn(running),
        }
    }

    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Stores a request, and returns the path of its ticket.
    pub fn link(&self, request: &BuildRequest) -> String {
        StoredRequests::new(&self.dir.path().join("run"))
            .put(request)
            .unwrap();
        self.sign(&Ticket::issue(request, clock::unix_ms(), HOUR))
    }

    pub fn sign(&self, ticket: &Ticket) -> String {
        let secret = Secret::of_host(&self.state_dir()).unwrap();
        format!("{PATH_PREFIX}{}", ticket.sign(&secret))
    }
}

impl Running {
    /// The address, once it listens.
    pub async fn address(&mut self) -> SocketAddr {
        loop {
            if let Some(address) = self.states.recv().await.unwrap() {
                return address;
            }
        }
    }

    /// Asks the server to stop, and waits until it has ended.
    pub async fn end(self) {
        self.stop.graceful.cancel();
        self.task.await.unwrap().unwrap();
        // Stopping joins threads.
        tokio::task::spawn_blocking(move || self.engine.stop())
            .await
            .unwrap();
    }
}

/// Asks with a connection of its own.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    send(&mut stream, method, path, headers).await;
    Answer::read(&mut stream).await
}

pub async fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    let mut stream = begin(address, path, headers).await;
    Answer::read(&mut stream).await
}

pub fn request(module: &str) -> BuildRequest {
    BuildRequest::from_json(&json!({
        "request_id": "123e4567-e89b-42d3-a456-426614174000",
        "rr_version": "v2025.1.9",
        "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [{"module_name": format!("github.com/roadrunner-server/{module}/v5"), "tag": "v5.3.0"}],
    }))
    .unwrap()
}

/// Waits until a condition holds, for twenty seconds at most.
pub async fn until(condition: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "not yet: {condition}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Removes a directory in which a running server may create a file meanwhile:
/// then it is not empty when its own turn comes, and is removed again.
pub fn remove_used_directory(directory: &Path) {
    while let Err(error) = std::fs::remove_dir_all(directory) {
        assert_eq!(
            error.kind(),
            ErrorKind::DirectoryNotEmpty,
            "{}: {error}",
            directory.display()
        );
    }
}
