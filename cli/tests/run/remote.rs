//! Runs with a gateway: results of other hosts, and gateways that fail.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use crate::checkout::{Checkout, stderr};

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

#[test]
fn page_of_another_server_is_no_part_of_the_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let requests = thread::spawn(move || {
        let mut requests = 0;
        while let Ok((mut stream, _)) = listener.accept() {
            let mut bytes = [0; 4096];
            if !matches!(stream.read(&mut bytes), Ok(1..)) {
                break;
            }
            requests += 1;
            let page = "<html>\n<body>\n<h1>Not here</h1>\n</body>\n</html>\n";
            let head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nConnection: close";
            let length = page.len();
            let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{page}");
        }
        requests
    });
    let checkout = checkout(&format!("http://{address}"));
    let (messages, runs) = run(&checkout, &[]);
    assert_eq!(runs, 3);
    assert!(
        messages.contains("is this the URL of a gateway?)") && !messages.contains("<h"),
        "{messages}"
    );
    // An empty connection ends the server.
    drop(TcpStream::connect(address).unwrap());
    let requests = requests.join().unwrap();
    // One negotiation, and an upload of each task that was under way before the first one had failed.
    assert!((2..=4).contains(&requests), "{requests}");
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
