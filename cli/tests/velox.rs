//! `pillion velox` as a process: arguments, standard output, signals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

const BUILD: &str = r#"{"request_id":"0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11","rr_version":"v2025.1.9","plugins":[{"module_name":"a.b/c","tag":"v1.0.0"}]}"#;
/// Every command runs until it is killed.
const GO: &str = "#!/bin/sh\necho $$ > \"$GOFAKE\"; exec sleep 300\n";

fn pillion(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
    command.args(arguments);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running server, killed when it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(dir: &Path) -> Self {
        fs::write(dir.join("go"), GO).unwrap();
        fs::set_permissions(dir.join("go"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = pillion(&["velox", "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir.join("velox"))
            .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
            .env("GOFAKE", dir.join("pid"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// Requests a build, waits until `go` runs, and returns its pid.
    fn build(&self, dir: &Path) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = "POST /api.service.v1.BuildService/Build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json";
        let length = BUILD.len();
        write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{BUILD}").unwrap();
        let file = dir.join("pid");
        eventually(|| fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n')));
        (stream, fs::read_to_string(&file).unwrap().trim().to_owned())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(mut happened: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < late, "not within 20 seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs; a zombie does not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_signal_stops_server_and_builds_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(dir.path());
        let (mut stream, go) = server.build(dir.path());
        let started = Instant::now();
        server.signal(signal);
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(!is_running(&go));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let remaining = fs::read_dir(dir.path().join("velox/work")).unwrap().count();
        assert_eq!(remaining, 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_server_ends_go_and_the_next_one_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let (_stream, go) = server.build(dir.path());
    server.signal(Signal::KILL);
    eventually(|| !is_running(&go));
    drop(server);
    let work = dir.path().join("velox/work");
    assert_eq!(fs::read_dir(&work).unwrap().count(), 1);
    let _next = Server::start(dir.path());
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
}

#[test]
fn listening_beyond_loopback_needs_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("velox");
    for listen in ["0.0.0.0:0", "[::]:0", ":0"] {
        let output = pillion(&["velox", "--listen", listen, "--dir"])
            .arg(&dir)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = stderr(&output);
        assert!(
            stderr.contains("--auth-token-file") && stderr.contains("--allow-anonymous"),
            "{stderr}"
        );
    }
    assert!(!dir.exists(), "nothing was made");
}

#[test]
fn an_invalid_argument_is_reported_with_a_valid_one() {
    for (arguments, words) in [
        (
            &["--listen", "9000"][..],
            "--listen: found 9000; expected an address and a port, such as 127.0.0.1:9000",
        ),
        (
            &["--build-timeout", "0s"],
            "a duration such as 90s, 10m or 1h30m",
        ),
        (&["--keep-size", "lots"], "a size"),
        (&["--max-builds", "0"], "--max-builds <N>"),
        (
            &["--auth-token-file", "/nonexistent"],
            "--auth-token-file /nonexistent",
        ),
        (
            &["--log-level", "loud"],
            "[possible values: off, error, warn, info, debug, trace]",
        ),
        (&["--dirr", "/x"], "--dir"),
    ] {
        let output = pillion(&["velox"]).args(arguments).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn a_port_in_use_is_reported() {
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = occupied.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let output = pillion(&["velox", "--listen", &listen, "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("--listen {listen}: ")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_missing_toolchain_is_reported_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let child = pillion(&["velox", "--listen", "127.0.0.1:0", "--dir"])
        .arg(dir.path().join("velox"))
        .env("PATH", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Server {
        child,
        address: String::new(),
    };
    let mut line = String::new();
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("go not found in PATH"), "{line}");
}
