//! Proxies, TLS, HTTP/2.

use super::{test_server::TestServer, *};
use crate::secret::{Secret, ServerUrl};

fn through(server: &FakeSentry, proxy: &TestServer, auth: Option<&str>) -> SentrySettings {
    SentrySettings {
        proxy: Some(ServerUrl::parse(&format!("http://{}", proxy.address)).unwrap()),
        proxy_auth: auth.map(Secret::new),
        max_attempts: 2,
        max_age: Duration::from_secs(2),
        ..settings(server)
    }
}

/// Settings for a TLS server with a certificate for `localhost`.
fn over_tls(front: &TestServer, ca: Option<&Path>) -> SentrySettings {
    let dsn = format!(
        "https://0123456789abcdef@localhost:{}/1",
        front.address.port()
    );
    SentrySettings {
        dsn: Some(Dsn::parse(&dsn).unwrap()),
        ca_file: ca.map(Path::to_owned),
        initial_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        drain_interval: Duration::ZERO,
        max_attempts: 2,
        max_age: Duration::from_secs(2),
        ..Settings::default().sentry
    }
}

fn reason(process: &TestProcess) -> String {
    let letters = process.sentry.dead_letters(10);
    assert_eq!(letters.as_array().unwrap().len(), 1, "{letters}");
    letters[0]["reason"].as_str().unwrap().to_owned()
}

#[test]
fn proxy_is_used_with_the_configured_credentials() {
    let server = FakeSentry::anywhere().unwrap();
    let open = test_server::proxy(None);
    // user:hunter2
    let closed = test_server::proxy(Some("dXNlcjpodW50ZXIy"));
    for (proxy, auth, arrives) in [
        (&open, None, true),
        (&closed, Some("user:hunter2"), true),
        (&closed, Some("user:else"), false),
        (&closed, None, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let process = TestProcess::open(dir.path(), through(&server, proxy, auth));
        let before = server.counts().taken;
        process.sentry.send(&event(1), None).unwrap();
        assert!(process.flush());
        assert_eq!(server.counts().taken - before, u64::from(arrives));
        if !arrives {
            let reason = reason(&process);
            assert!(
                reason.contains("407") && !reason.contains("else"),
                "{reason}"
            );
            assert!(process.count(Count::Retries) >= 1);
        }
    }
    assert!(open.notes()[0].starts_with("POST http://127.0.0.1:"));
    assert!(closed.notes()[0].ends_with(" dXNlcjpodW50ZXIy"));
}

#[test]
fn proxy_tunnels_tls() {
    let server = FakeSentry::anywhere().unwrap();
    let (tls, pem) = test_server::tls(server.addr());
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    for (wanted, auth, arrives) in [
        (None, None, true),
        (Some("dXNlcjpodW50ZXIy"), Some("user:hunter2"), true),
        (Some("dXNlcjpodW50ZXIy"), Some("user:else"), false),
    ] {
        let proxy = test_server::proxy(wanted);
        let dir = tempfile::tempdir().unwrap();
        let process = TestProcess::open(
            dir.path(),
            SentrySettings {
                dsn: over_tls(&tls, None).dsn,
                ca_file: Some(ca.clone()),
                ..through(&server, &proxy, auth)
            },
        );
        let before = server.counts().taken;
        process.sentry.send(&event(1), None).unwrap();
        assert!(process.flush());
        assert_eq!(server.counts().taken - before, u64::from(arrives));
        assert!(proxy.notes()[0].starts_with("CONNECT localhost:"));
        if !arrives {
            let reason = reason(&process);
            assert!(
                !reason.contains("else") && !reason.contains("0123456789abcdef"),
                "{reason}"
            );
        }
    }
}

#[test]
fn configured_ca_is_trusted_and_ssl_verify_can_be_off() {
    let server = FakeSentry::anywhere().unwrap();
    let (tls, pem) = test_server::tls(server.addr());
    let (_, other) = test_server::acceptor(&[]);
    let dir = tempfile::tempdir().unwrap();
    let (ca, wrong) = (dir.path().join("ca.pem"), dir.path().join("wrong.pem"));
    std::fs::write(&ca, pem).unwrap();
    std::fs::write(&wrong, other).unwrap();
    for (ca, verify, arrives) in [
        (Some(&ca), true, true),
        (Some(&wrong), true, false),
        (None, true, false),
        (None, false, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = SentrySettings {
            ssl_verify: verify,
            ..over_tls(&tls, ca.map(std::path::PathBuf::as_path))
        };
        let process = TestProcess::open(dir.path(), settings);
        let before = server.counts().taken;
        process.sentry.send(&event(1), None).unwrap();
        assert!(process.flush());
        assert_eq!(
            server.counts().taken - before,
            u64::from(arrives),
            "{ca:?} {verify}"
        );
        if !arrives {
            let reason = reason(&process);
            assert!(reason.to_lowercase().contains("certificate"), "{reason}");
        }
    }
}

#[test]
fn invalid_ca_file_keeps_queued_envelopes() {
    let server = FakeSentry::anywhere().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, "not a certificate").unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            ca_file: Some(ca),
            ..settings(&server)
        },
    );
    process.sentry.send(&event(1), None).unwrap();
    assert!(!process.flush_within(Duration::from_millis(300)));
    assert_eq!(process.sentry.status()["queue"]["queue_length"], 1);
    drop(process);
    let corrected = TestProcess::open(dir.path(), settings(&server));
    corrected.sentry.adopt();
    assert!(corrected.flush());
    assert_eq!(server.ids(), [id(1)]);
}

#[test]
fn http2_is_used_and_goaway_loses_no_envelope() {
    let (front, pem) = test_server::http2(5);
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let process = TestProcess::open(
        dir.path(),
        SentrySettings {
            compression: false,
            max_attempts: 10,
            ..over_tls(&front, Some(&ca))
        },
    );
    for n in 0..40 {
        process.sentry.send(&event(n), None).unwrap();
    }
    assert!(process.flush());
    let notes = front.notes();
    let connections = notes.iter().filter(|note| *note == "connection").count();
    for n in 0..40 {
        assert!(
            notes.iter().any(|note| note.contains(&id(n))),
            "{n}: {notes:?}"
        );
    }
    // Requests share connections, and each connection ends after some.
    assert!((2..=30).contains(&connections), "{connections}");
    assert_eq!(process.count(Count::Sent), 40);
}

#[test]
fn header_names_are_in_title_case() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://k@{}/1", listener.local_addr().unwrap());
    let head = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut head, mut part) = (Vec::new(), [0; 4096]);
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let read = socket.read(&mut part).unwrap();
            head.extend_from_slice(&part[..read]);
        }
        socket
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            .unwrap();
        String::from_utf8_lossy(&head).into_owned()
    });
    let dir = tempfile::tempdir().unwrap();
    let settings = SentrySettings {
        dsn: Some(Dsn::parse(&dsn).unwrap()),
        ..Settings::default().sentry
    };
    let process = TestProcess::open(dir.path(), settings);
    process.sentry.send(&event(1), None).unwrap();
    assert!(process.flush());
    let head = head.join().unwrap();
    for name in [
        "Content-Type",
        "Content-Length",
        "X-Sentry-Auth",
        "User-Agent",
    ] {
        assert!(head.contains(&format!("\r\n{name}: ")), "{name}: {head}");
    }
}
