//! Endless, slow and late answers. Each build ends within its deadline, reads little of the answer, removes its
//! temporary files, and the next build works.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::{
    raw_server::{ELF, JSON, OK, RawServer, build_with},
    *,
};

#[tokio::test]
async fn endless_answers_are_cut_off_early() {
    let lines = "X-Junk: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(100);
    let blank = " ".repeat(64 << 10);
    let zeros = vec![0; 64 << 10];
    let chunk = format!("10000\r\n{}\r\n", "\0".repeat(64 << 10));
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    let table: Vec<(&str, String, Vec<u8>, &str)> = vec![
        ("head lines", OK.into(), lines.into(), "broke"),
        (
            "one head line",
            format!("{OK}X: "),
            blank.clone().into(),
            "broke",
        ),
        (
            "one status line",
            "HTTP/1.1 200 ".into(),
            blank.clone().into(),
            "broke",
        ),
        (
            "blanks as JSON",
            format!("{JSON}\r\n"),
            blank.into(),
            "larger than the 16777216 bytes",
        ),
        (
            "zeros",
            format!("{OK}\r\n"),
            zeros.clone(),
            "no ELF executable",
        ),
        (
            "zeros in chunks",
            chunked,
            chunk.into(),
            "no ELF executable",
        ),
        (
            "two gigabytes of zeros",
            format!("{OK}Content-Length: 1073741824\r\n\r\n"),
            zeros,
            "no ELF executable",
        ),
    ];
    for (name, head, again, words) in table {
        let raw = RawServer::endless(&head, again, Duration::ZERO);
        let mut host = Host::new(Options::default());
        let ended = build_with(&raw, &mut host).await;
        let Err(Error::Remote(message)) = &ended else {
            panic!("{name}: {ended:?}")
        };
        assert!(
            message.contains(words) && message.len() < 16 << 10,
            "{name}: {message:.300}"
        );
        // Up to three times; much of it is in the kernel's buffers.
        let sent = raw.sent.load(Ordering::Relaxed);
        assert!(sent < 100 << 20, "{name}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn slow_server_is_abandoned_at_the_build_timeout() {
    let slow = Duration::from_millis(100);
    let table: Vec<(&str, RawServer)> = vec![
        ("says nothing", RawServer::endless("", "", slow)),
        (
            "drips its head",
            RawServer::endless("HTTP/1.1 200 OK\r\nX: ", "x", slow),
        ),
        (
            "drips its binary",
            RawServer::endless(&format!("{OK}\r\n{ELF}"), "x", slow),
        ),
        (
            "drips JSON",
            RawServer::endless(&format!("{JSON}\r\n{{"), " ", slow),
        ),
        (
            "says to go on for ever",
            RawServer::endless("", "HTTP/1.1 100 Continue\r\n\r\n", slow),
        ),
        (
            "says so a hundred thousand times a second",
            RawServer::endless(
                "",
                "HTTP/1.1 100 Continue\r\n\r\n".repeat(500),
                Duration::from_millis(5),
            ),
        ),
    ];
    for (name, raw) in table {
        let mut host = Host::new(Options::default());
        host.settings.build_timeout = Duration::from_secs(1);
        host.settings.request_timeout = Duration::from_secs(10);
        let started = std::time::Instant::now();
        let ended = build_with(&raw, &mut host).await;
        // Only the deadline ends these; its exact time does not matter.
        assert!(matches!(ended, Err(Error::Timeout(_))), "{name}: {ended:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "{name}");
        assert_eq!(raw.requests(), 1, "{name}");
    }
}

#[tokio::test]
async fn answer_after_the_timeout_is_discarded() {
    let mut host = Host::new(Options::default());
    host.settings.build_timeout = Duration::from_secs(1);
    let answered = Arc::new(AtomicU64::new(0));
    let late = Arc::clone(&answered);
    let raw = RawServer::new(move |to| {
        thread::sleep(Duration::from_millis(1500));
        let body = [ELF.as_bytes(), &[0; 4096]].concat();
        let end = to
            .write_all(format!("{OK}Content-Length: {}\r\n\r\n", body.len()).as_bytes())
            .and_then(|()| to.write_all(&body));
        late.fetch_add(1, Ordering::Relaxed);
        end
    });
    let ended = build_with(&raw, &mut host).await;
    assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
    let first = host.velox().find(&request("http")).unwrap();
    until("the late answer", || answered.load(Ordering::Relaxed) == 1).await;
    assert_eq!(
        host.velox().find(&request("http")).unwrap().record,
        first.record
    );
}
