//! A server in this process with a fake toolchain, and an HTTP/1.1 client of raw sockets, so that a test can compare
//! every byte of an answer and cut a connection at any time.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use pillion_engine::velox::protocol::BUILD_PATH;
use pillion_server::{
    build::{CacheLimits, Options, Server},
    http::Tokens,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

pub const ID: &str = "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11";

/// Answers the commands of a simple build. It first sources the file `on-<command>` of the control directory, which may
/// end the command or run for ever.
const FAKE_GO: &str = r#"#!/bin/sh
d=$GOFAKE
echo "$*" >> "$d/calls"
env > "$d/env-$1"
[ -f "$d/on-$1" ] && . "$d/on-$1"
case "$1" in
env) printf '{"GOVERSION":"go1.26.8","GOTOOLCHAIN":"local"}' ;;
tool) printf 'linux/amd64\nlinux/arm64\nwindows/amd64\n' ;;
list)
  shift 3
  for module; do
    path=${module%@*}
    version=$(awk -v path="$path" '$1 == path { print $2 }' go.mod)
    [ "$path" = "$module" ] || version=v5.0.0-20250101000000-abcdefabcdef
    printf '{"Path":"%s","Version":"%s"}\n' "$path" "$version"
  done ;;
mod) echo "go: downloading a.b/c v1.0.0" >&2 ;;
build)
  echo "a.b/c" >&2
  while [ "$1" != -o ]; do shift; done
  { printf '\177ELF'; cat go.mod main.go; } > "$2" ;;
esac
"#;

/// A running server with its directories.
pub struct TestServer {
    pub dir: TempDir,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with changed options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(dir.path().join("control")).unwrap();
        fs::write(bin.join("go"), FAKE_GO).unwrap();
        fs::set_permissions(bin.join("go"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let mut options = Options {
            dir: dir.path().join("velox"),
            max_builds: 2,
            max_queued: 1,
            build_timeout: Duration::from_secs(60),
            tokens: Tokens::default(),
            allow_local_replaces: false,
            cache_limits: CacheLimits::default(),
            environment: vec![
                ("PATH".into(), path.into()),
                ("HOME".into(), dir.path().into()),
                ("GOFAKE".into(), dir.path().join("control").into()),
                ("SECRET_TOKEN".into(), "s3cret".into()),
            ],
        };
        change(&mut options);
        let server = Server::open(options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        Self {
            dir,
            address,
            stop: Some(stop),
            server: Some(tokio::spawn(server.run(listener, stopped))),
        }
    }

    /// Stops the server, and returns the time that took.
    pub async fn stop(&mut self) -> Duration {
        let started = Instant::now();
        drop(self.stop.take());
        self.server.take().unwrap().await.unwrap();
        started.elapsed()
    }

    /// Sets the script at the start of a command: `on("build", "exit 1")`.
    pub fn on(&self, command: &str, script: &str) {
        fs::write(self.control(&format!("on-{command}")), script).unwrap();
    }

    pub fn control(&self, name: &str) -> PathBuf {
        self.dir.path().join("control").join(name)
    }

    /// Content of a file in the control directory.
    pub fn read_control(&self, name: &str) -> String {
        fs::read_to_string(self.control(name)).unwrap_or_default()
    }

    /// Number of builds' directories.
    pub fn work_dirs(&self) -> usize {
        fs::read_dir(self.dir.path().join("velox/work")).map_or(0, Iterator::count)
    }

    pub async fn build(&self, request: &Value) -> Answer {
        let mut stream = self.begin(request).await;
        Answer::read(&mut stream).await
    }

    /// Sends a build request without reading the answer.
    pub async fn begin(&self, request: &Value) -> TcpStream {
        let body = request.to_string();
        self.send(
            "POST",
            BUILD_PATH,
            &["Content-Type: application/json"],
            body.as_bytes(),
        )
        .await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.send(method, path, headers, body).await;
        Answer::read(&mut stream).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    async fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: velox\r\nConnection: close\r\n");
        for header in headers {
            head += &format!("{header}\r\n");
        }
        if method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        stream
            .write_all(format!("{head}\r\n").as_bytes())
            .await
            .unwrap();
        stream.write_all(body).await.unwrap();
        stream
    }
}

/// A valid request with these fields replaced.
pub fn request(change: &Value) -> Value {
    let mut request = json!({
        "request_id": ID, "rr_version": "v2025.1.9", "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}],
    });
    for (name, value) in change.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

/// A received answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let at = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let (head, body) = bytes.split_at(at.map_or(0, |at| at + 4));
        let [head, text] = [head, body].map(|part| String::from_utf8_lossy(part).into_owned());
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: text,
            bytes: body.to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The path of a build's answer.
    pub fn path(&self) -> PathBuf {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["path"].as_str().unwrap().into()
    }

    /// The message of an error.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// Waits until a condition holds, at most 20 seconds.
pub async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < late, "{what}: not within 20 seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process runs; a zombie does not.
pub fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim()
            .starts_with('Z')
    })
}
