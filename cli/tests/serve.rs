//! `pillion serve` as processes: standard output, stand-by, signals, systemd's notifications.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::{linux::net::SocketAddrExt, unix::net::UnixDatagram},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

fn pillion(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
    let (state, run) = (dir.join("state"), dir.join("run"));
    command
        .args(["serve", "-d"])
        .arg(format!("state_dir={}", state.display()))
        .arg("-d")
        .arg(format!("run_dir={}", run.display()))
        .args(arguments)
        .env_remove("NOTIFY_SOCKET");
    command
}

/// A server, killed when it is dropped.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn health(url: &str) -> Option<String> {
    let mut stream = TcpStream::connect(url.strip_prefix("listening on http://")?).ok()?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn refused(dir: &Path, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = pillion(dir, arguments).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn stand_by_serves_and_leads_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Server::start(pillion(dir.path(), &["--listen", "127.0.0.1:0"]));
    let mut first = start();
    assert!(health(&first.line()).unwrap().contains("200 OK"));
    let mut second = start();
    assert_eq!(second.line(), "stand-by: another process serves");
    first.signal(Signal::KILL);
    let url = second.line();
    let began = Instant::now();
    while !health(&url).unwrap().contains("\"leader\":true") {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it does not lead"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    second.signal(Signal::TERM);
    assert!(second.child.wait().unwrap().success());
}

#[test]
fn systemd_is_notified_of_start_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("pillion-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let receive = || {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let unix = dir.path().join("serve.sock");
    let listen = format!("unix:{}", unix.display());
    let mut command = pillion(dir.path(), &["--listen", &listen]);
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let mut server = Server::start(command);
    assert_eq!(server.line(), format!("listening on {listen}"));
    let ready = receive();
    assert!(
        ready.starts_with("READY=1\nSTATUS=listening on unix:"),
        "{ready}"
    );
    server.signal(Signal::INT);
    assert_eq!(receive(), "STOPPING=1");
    assert!(server.child.wait().unwrap().success());
    assert!(!unix.exists());
}

#[test]
fn invalid_arguments_name_their_setting() {
    let dir = tempfile::tempdir().unwrap();
    let public = refused(dir.path(), &["--listen", "0.0.0.0:0"]);
    assert!(public.contains("serve.allow_anonymous"), "{public}");
    let broken = refused(dir.path(), &["--listen", "localhost"]);
    assert!(broken.contains("no port"), "{broken}");
    let group = ["-d", "serve_socket_group=no-such-group"];
    assert!(refused(dir.path(), &group).contains("serve.socket_group"));
    let token = ["-d", "serve_token_file=/no/such/file"];
    assert!(refused(dir.path(), &token).contains("serve.token_file"));
}

#[test]
fn missing_build_server_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let logged = |more: &[&str]| {
        let target = format!("log={}", log.display());
        let arguments = [&["--listen", "127.0.0.1:0", "-d", &target], more].concat();
        let mut server = Server::start(pillion(dir.path(), &arguments));
        assert!(server.line().starts_with("listening"));
        server.signal(Signal::TERM);
        assert!(server.child.wait().unwrap().success());
        std::fs::read_to_string(&log).unwrap_or_default()
    };
    let url = ["-d", "velox_server_url=http://127.0.0.1:1"];
    assert!(!logged(&url).contains("no build server"));
    let text = logged(&[]);
    let line = text.lines().find(|line| line.contains("no build server"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(
        line.contains("WARN") && line.contains("velox.server_url"),
        "{line}"
    );
}
