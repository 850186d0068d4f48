//! A host of its own for a test, and what `pillion doctor` finds on it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// A host with directories of its own.
pub struct Host {
    pub dir: TempDir,
    pub run: PathBuf,
}

/// Exit code, and lines as `level check: found: advice`.
pub struct Diagnosis {
    pub code: i32,
    pub lines: Vec<String>,
}

impl Host {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        Self { dir, run }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
        let define = |name: &str, path: &Path| format!("{name}={}", path.display());
        command
            .arg(subcommand)
            .args(["-d", &define("run_dir", &self.run)])
            .args(["-d", &define("state_dir", &self.path("state"))])
            .env_clear()
            .env("PATH", self.path("bin"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub fn examine(&self, arguments: &[&str]) -> Diagnosis {
        let output = self
            .command("doctor")
            .arg("--json")
            .args(arguments)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let line = |check: &Value| {
            let text = |name: &str| check.get(name).and_then(Value::as_str).unwrap_or_default();
            let (level, check, found) = (text("level"), text("check"), text("found"));
            format!("{level} {check}: {found}: {}", text("advice"))
        };
        Diagnosis {
            code: output.status.code().unwrap(),
            lines: report
                .pointer("/checks")
                .and_then(Value::as_array)
                .unwrap()
                .iter()
                .map(line)
                .collect(),
        }
    }

    /// Starts `pillion serve`; the address follows.
    pub fn serve(&self) -> (Server, String) {
        let child = self
            .command("serve")
            .args(["-d", "serve_listen=127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        listening(child)
    }

    /// Starts `pillion velox` with a token; the address follows.
    pub fn velox(&self) -> (Server, String) {
        let token = self.path("velox-token");
        fs::write(&token, "very-secret\n").unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_pillion"))
            .args(["velox", "--listen", "127.0.0.1:0", "--dir"])
            .arg(self.path("velox"))
            .arg("--auth-token-file")
            .arg(token)
            .env_clear()
            .env("PATH", self.path("bin"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        listening(child)
    }

    /// A program that answers as PHP does.
    pub fn php(&self, name: &str, version: &str) -> PathBuf {
        let path = self.path(name);
        let script = format!("#!/bin/sh\necho pillion:8.4.1:NTS:{version}\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Diagnosis {
    #[track_caller]
    pub fn has(&self, start: &str, part: &str) {
        let found = |line: &String| line.starts_with(start) && line.contains(part);
        assert!(
            self.lines.iter().any(found),
            "{start} … {part} in {:#?}",
            self.lines
        );
    }

    /// Failures, and warnings except those on this machine's processes and disk, which are not the test's.
    pub fn problems(&self) -> Vec<&String> {
        let others = [
            "warn processes",
            "warn versions",
            "warn pillion serve",
            "warn descriptor",
            "warn space of the artifact cache",
            "fail go toolchain",
        ];
        let is_problem = |line: &&String| {
            !line.starts_with("ok ") && !others.iter().any(|other| line.starts_with(other))
        };
        self.lines.iter().filter(is_problem).collect()
    }
}

pub struct Server(pub Child);

/// A server that prints its address when it is ready.
fn listening(mut child: Child) -> (Server, String) {
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    (Server(child), address.to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server of HTTP with one answer.
pub fn http_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}
