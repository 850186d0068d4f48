//! The program, and the end of a server: it never outlives its owner.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use pillion_fakes::{Answer, Error, FakeVelox, Options};
use support::{eventually, exchange, http, request};

fn program(arguments: &[&str]) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fake-velox"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.strip_prefix("listening ").unwrap();
    (child, address.trim().parse().unwrap())
}

fn ends_cleanly(mut child: Child) {
    eventually("the program ends", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
}

#[test]
fn program_obeys_its_flags_and_ends_on_a_signal() {
    let root = tempfile::tempdir().unwrap();
    let script = root.path().join("script.json");
    std::fs::write(
        &script,
        r#"{"behaviours": [{"times": 1, "answer": {"kind": "busy"}}]}"#,
    )
    .unwrap();
    let builds = root.path().join("builds");
    let flags = [
        "--root",
        builds.to_str().unwrap(),
        "--script",
        script.to_str().unwrap(),
    ];
    let (child, address) = program(&flags);
    let close = "Connection: close\r\n";
    let asked = http("POST", support::PATH, close, &request().to_string());
    assert!(String::from_utf8_lossy(&exchange(address, &asked)).contains(" 409 "));
    assert!(String::from_utf8_lossy(&exchange(address, &asked)).contains(" 200 "));
    assert!(builds.read_dir().unwrap().next().is_some());
    let mut kill = Command::new("kill");
    assert!(kill.arg(child.id().to_string()).status().unwrap().success());
    ends_cleanly(child);
}

#[test]
fn program_ends_with_standard_input_only_with_the_flag() {
    let (mut child, address) = program(&["--stdin-guard"]);
    drop(child.stdin.take());
    ends_cleanly(child);
    assert!(TcpStream::connect(address).is_err());
    let (mut child, address) = program(&[]);
    drop(child.stdin.take());
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(TcpStream::connect(address).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn dropped_server_ends_its_port_builds_and_files() {
    let server = FakeVelox::start_apart(Options::default().behave(Answer::Hang)).unwrap();
    let (address, root) = (server.addr(), server.root().to_owned());
    let mut held = support::begin(&server, &request());
    eventually("the build begins", || server.counters().in_flight == 1);
    drop(server);
    assert_eq!(held.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(address).is_err());
    assert!(!root.exists());
}

#[test]
fn non_loopback_addresses_are_refused() {
    let open = Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    let refused = FakeVelox::start_apart(open);
    assert!(matches!(refused, Err(Error::NotLoopback(_))));
}
