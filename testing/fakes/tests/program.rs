//! The program and the two ways to start the library: a server never outlives its owner.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use pillion_fakes::{Answer, Error, FakeVelox, Options};
use support::{eventually, exchange, http, request};

fn program(arguments: &[&str]) -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fake-velox"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line
        .strip_prefix("listening ")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    (child, stdout, address)
}

fn ends_cleanly(mut child: Child, mut stdout: BufReader<ChildStdout>) {
    eventually("the program ends", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "standard output is one line");
}

#[test]
fn program_obeys_its_flags_and_ends_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let root = tempfile::tempdir().unwrap();
        let script = root.path().join("script.json");
        std::fs::write(&script, r#"{"size": 1000, "delay_ms": 60000, "behaviours": [{"times": 1, "answer": {"kind": "busy"}}]}"#).unwrap();
        let builds = root.path().join("builds");
        let flags = [
            "--root",
            builds.to_str().unwrap(),
            "--script",
            script.to_str().unwrap(),
            "--delay-ms",
            "0",
        ];
        let (child, stdout, address) = program(&flags);
        let asked = http(
            "POST",
            support::PATH,
            "Connection: close\r\n",
            &request().to_string(),
        );
        assert!(String::from_utf8_lossy(&exchange(address, &asked)).contains(" 409 "));
        assert!(String::from_utf8_lossy(&exchange(address, &asked)).contains(" 200 "));
        assert_eq!(
            std::fs::metadata(builds.join("704cb82325cd996b/rr"))
                .unwrap()
                .len(),
            1000
        );
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &id])
                .status()
                .unwrap()
                .success()
        );
        ends_cleanly(child, stdout);
    }
}

#[test]
fn program_ends_with_standard_input_only_with_the_flag() {
    let (mut child, stdout, address) = program(&["--stdin-guard"]);
    drop(child.stdin.take());
    ends_cleanly(child, stdout);
    assert!(TcpStream::connect(address).is_err());
    let (mut child, _stdout, address) = program(&[]);
    drop(child.stdin.take());
    std::thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(address).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn program_reports_invalid_arguments() {
    for (arguments, reason) in [
        (
            &["--listen", "here"][..],
            "--listen \"here\": not ADDRESS:PORT",
        ),
        (
            &["--listen", "0.0.0.0:0"],
            "0.0.0.0:0 is not a loopback address",
        ),
        (
            &["--delay-ms", "soon"],
            "--delay-ms \"soon\": not a whole number",
        ),
        (&["--size"], "--size needs a value"),
        (&["--script", "/nowhere/x.json"], "/nowhere/x.json"),
        (&["--loud"], "--loud: no such option"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_fake-velox"))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(reason) && output.stdout.is_empty(), "{text}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn dropped_server_ends_its_port_builds_and_files() {
    let server = FakeVelox::start_apart(Options::default().behave(Answer::Hang)).unwrap();
    let (address, root) = (server.addr(), server.root().to_owned());
    assert_eq!(server.url(), format!("http://{address}"));
    let mut held = support::begin(&server, &request());
    eventually("the build begins", || server.counters().in_flight == 1);
    drop(server);
    assert_eq!(held.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(address).is_err());
    assert!(!root.exists());
    for _ in 0..50 {
        let server = FakeVelox::start_apart(Options::default()).unwrap();
        let address = server.addr();
        drop(server);
        assert!(
            TcpStream::connect(address).is_err(),
            "closed when drop returns"
        );
    }
}

#[test]
fn server_on_the_callers_runtime_stops_with_it_or_by_call() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = {
        let _inside = runtime.enter();
        FakeVelox::start(Options::default()).unwrap()
    };
    let address = server.addr();
    assert_eq!(support::build(&server, &request()).status, 200);
    runtime.block_on(server.stop());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn non_loopback_addresses_and_taken_ports_are_refused() {
    let open = Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    assert!(matches!(
        FakeVelox::start_apart(open),
        Err(Error::NotLoopback(_))
    ));
    let first = FakeVelox::start_apart(Options::default()).unwrap();
    let taken = Options {
        listen: first.addr(),
        ..Options::default()
    };
    assert!(matches!(
        FakeVelox::start_apart(taken),
        Err(Error::Listen { .. })
    ));
}
