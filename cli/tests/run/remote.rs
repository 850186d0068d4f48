//! Runs with a gateway: results of other hosts, and gateways that fail.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    checkout::{Checkout, stderr},
    kills::eventually,
};

/// A gateway over a directory, killed when it is dropped.
struct Gateway {
    child: Child,
    url: String,
}

impl Gateway {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pillion"))
            .args(["gateway", "--listen", "127.0.0.1:0"])
            .env("VC_AUTH_TOKEN", "t0ken")
            .env("VC_STORAGE_DRIVER", "local")
            .env("VC_LOCAL_ROOT", dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { child, url }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three tasks with a remote.
fn checkout(url: &str) -> Checkout {
    let tasks = ["a", "b", "c"].map(|name| {
        format!("  {name}: {{command: 'echo run >> ../runs; echo {name} > {name}.out', inputs: [src], outputs: [{name}.out]}}\n")
    });
    let text = format!(
        "remote: {{enabled: true, url: '{url}', token: '${{VC_AUTH_TOKEN}}'}}\npipeline:\n{}",
        tasks.concat()
    );
    Checkout::new(&[("velocity.yml", &text), ("src", "source")])
}

fn run(checkout: &Checkout, more: &[&str]) -> (String, usize) {
    let arguments = [&["a", "b", "c", "--remote-timeout", "1s"], more].concat();
    let output = checkout
        .start(&arguments)
        .env("VC_AUTH_TOKEN", "t0ken")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (stderr(&output), checkout.runs())
}

#[test]
fn other_host_gets_results_from_the_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let (first, second) = (checkout(&gateway.url), checkout(&gateway.url));
    assert_eq!(run(&first, &[]).1, 3);
    let (messages, runs) = run(&second, &[]);
    assert!(
        messages.contains("3 hits (0 local, 3 remote), 0 misses"),
        "{messages}"
    );
    assert_eq!((runs, second.read("b.out").as_str()), (0, "b\n"));
    // They are in the store of that host from now on.
    let (messages, _) = run(&second, &["--no-remote"]);
    assert!(
        messages.contains("3 hits (3 local, 0 remote)"),
        "{messages}"
    );
    let third = checkout(&gateway.url);
    assert_eq!(run(&third, &["--no-remote"]).1, 3);
    drop(gateway);
    let (messages, _) = run(&third, &["--force"]);
    assert_eq!(messages.matches("remote: ").count(), 1, "{messages}");
}

#[test]
fn failing_gateway_costs_one_line_and_little_time() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let checkout = checkout(&format!("http://{closed}"));
    let (messages, runs) = run(&checkout, &[]);
    assert_eq!(runs, 3);
    let line = format!(
        "errors while reading and writing (first: the gateway at http://{closed}/ can't be reached: "
    );
    assert_eq!(messages.matches(&line).count(), 1, "{messages}");
}

#[test]
fn silent_gateway_is_waited_for_once() {
    // Connections are accepted by the system, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let checkout = checkout(&format!("http://{address}"));
    let (messages, runs) = run(&checkout, &[]);
    assert_eq!(runs, 3);
    let line = format!("remote: 1 error while reading (the gateway at http://{address}/ has not ");
    assert_eq!(messages.matches(&line).count(), 1, "{messages}");
    silent.set_nonblocking(true).unwrap();
    let connections = silent.incoming().take_while(Result::is_ok).count();
    assert_eq!(connections, 1);
}

/// A server that answers each connection with one response, made of its address, and of the request's first line and
/// body; `None`: it says nothing more. Returns its address and the number of requests so far.
fn server(
    answer: impl Fn(SocketAddr, &str, &str) -> Option<String> + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, requests) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer, counter) =
                (stream.unwrap(), Arc::clone(&answer), Arc::clone(&counter));
            thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                let (mut head, mut length) = (String::new(), 0);
                let mut first = String::new();
                loop {
                    head.clear();
                    if reader.read_line(&mut head).unwrap_or(0) == 0 {
                        return;
                    }
                    if first.is_empty() {
                        first.clone_from(&head);
                    }
                    if let Some(value) = head.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if head.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                let _ = reader.read_exact(&mut body);
                counter.fetch_add(1, Ordering::SeqCst);
                match answer(address, &first, &String::from_utf8_lossy(&body)) {
                    Some(response) => {
                        let _ = (&stream).write_all(response.as_bytes());
                    }
                    None => {
                        let _ = reader.read(&mut [0]);
                    }
                }
            });
        }
    });
    (address, requests)
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn page_of_another_server_is_no_part_of_the_message() {
    let page = "<html>\n<body>\n<h1>Not here</h1>\n</body>\n</html>\n";
    let (address, requests) = server(|_, _, _| Some(response("404 Not Found", page)));
    let checkout = checkout(&format!("http://{address}"));
    let (messages, runs) = run(&checkout, &[]);
    assert_eq!(runs, 3);
    assert!(
        messages.contains("is this the URL of a gateway?)") && !messages.contains("<h"),
        "{messages}"
    );
    // One negotiation, and the uploads that were under way before the first one had failed.
    let requests = requests.load(Ordering::SeqCst);
    assert!((2..=4).contains(&requests), "{requests}");
}

#[test]
fn slow_gateway_is_left_alone_after_some_answers() {
    let downloads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&downloads);
    let (address, _) = server(move |address, first, body| {
        // Longer than an answer may take, and shorter than silence.
        thread::sleep(Duration::from_millis(1700));
        if first.starts_with("GET") {
            counter.fetch_add(1, Ordering::SeqCst);
            return Some(response("404 Not Found", "File not found"));
        }
        let request: Value = serde_json::from_str(body).unwrap();
        let Some(keys) = request["hashes"].as_array() else {
            return Some(response("200 OK", r#"{"status":"skipped"}"#));
        };
        let found = json!({"status": "found", "url": format!("http://{address}/")});
        let results = keys
            .iter()
            .map(|item| (item["hash"].as_str().unwrap().to_owned(), found.clone()));
        let results = Value::Object(results.collect());
        Some(response("200 OK", &json!({"results": results}).to_string()))
    });
    let checkout = checkout(&format!("http://{address}"));
    let output = checkout
        .start(&[
            "a",
            "b",
            "c",
            "--remote-timeout",
            "2s",
            "--concurrency",
            "1",
        ])
        .env("VC_AUTH_TOKEN", "t0ken")
        .output()
        .unwrap();
    let messages = stderr(&output);
    assert_eq!((output.status.code(), checkout.runs()), (Some(0), 3));
    assert!(
        messages.contains("is slow: its answers take 2s longer"),
        "{messages}"
    );
    // After the negotiation, two of three.
    assert_eq!(downloads.load(Ordering::SeqCst), 2);
}

#[test]
fn upload_that_a_signal_ends_is_reported() {
    let (address, requests) = server(|_, _, body| match body.contains("upload") {
        true => None,
        false => Some(response("404 Not Found", "Not found")),
    });
    let checkout = checkout(&format!("http://{address}"));
    let child = checkout
        .start(&["a", "--remote-timeout", "1h", "--json"])
        .env("VC_AUTH_TOKEN", "t0ken")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The whole negotiation, that of the key, and the upload's.
    eventually(|| requests.load(Ordering::SeqCst) == 3);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let messages = stderr(&output);
    assert_eq!((output.status.code(), checkout.runs()), (Some(0), 1));
    let line = "remote: 1 error while writing (1 upload not done when the run was stopped)";
    assert!(messages.contains(line), "{messages}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["remote"]["writing_errors"], 1);
}

#[test]
fn dry_run_and_json_tell_about_the_gateway() {
    let (address, _) = server(|_, _, _| Some(response("401 Unauthorized", "Unauthorized")));
    let checkout = checkout(&format!("http://{address}"));
    let plan = checkout
        .start(&["a", "--dry-run"])
        .env("VC_AUTH_TOKEN", "t0ken")
        .output()
        .unwrap();
    let line = "remote: 1 error while reading (";
    assert!(stderr(&plan).contains(line), "{}", stderr(&plan));
    // Without a token.
    let output = checkout.run(&["a", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let why = json["remote"]["not_used"].as_str().unwrap();
    assert!(why.contains("VC_AUTH_TOKEN is not set"), "{why}");
}

#[test]
fn gateway_that_is_only_read_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let first = checkout(&gateway.url);
    let (messages, _) = run(&first, &["-d", "remote_mode=read"]);
    assert!(!messages.contains("remote: "), "{messages}");
    let second = checkout(&gateway.url);
    assert_eq!(run(&second, &["-d", "remote_mode=off"]).1, 3);
    let third = checkout(&gateway.url);
    assert_eq!(run(&third, &[]).1, 3);
    let fourth = checkout(&gateway.url);
    assert_eq!(run(&fourth, &["-d", "remote_mode=read"]).1, 0);
}

#[test]
fn missing_token_leaves_the_gateway_alone() {
    let checkout = checkout("http://127.0.0.1:1");
    let output = checkout.run(&["a", "b", "c"]);
    let messages = stderr(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(messages.contains("remote: not used (velocity.yml line 1: remote.token: the environment variable VC_AUTH_TOKEN is not set"), "{messages}");
}

#[test]
fn damaged_artifact_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    run(&checkout(&gateway.url), &[]);
    let mut todo = vec![dir.path().to_owned()];
    let mut damaged = 0;
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if let Ok(mut bytes) = std::fs::read(&path)
            && let Some(byte) = bytes.get_mut(20)
        {
            *byte ^= 0xff;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged >= 3, "{damaged}");
    let second = checkout(&gateway.url);
    let (messages, runs) = run(&second, &[]);
    assert_eq!(
        (runs, second.read("a.out").as_str()),
        (3, "a\n"),
        "{messages}"
    );
}
