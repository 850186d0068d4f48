//! Answers that violate HTTP or the protocol. Each build ends with the documented error, removes its temporary files,
//! and the next build works.

use super::{
    raw_server::{ELF, JSON, OK, RawServer, build_with},
    *,
};

#[tokio::test]
async fn malformed_answers_fail_with_the_expected_error() {
    let long = "x".repeat(1 << 20);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("HTTP/0.9", b"<html>hello</html>".into(), "broke"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".into(), "broke"),
        (
            "a TLS alert",
            b"\x15\x03\x01\x00\x02\x02\x28".into(),
            "broke",
        ),
        ("nothing", b"".into(), "broke"),
        ("zeros", vec![0; 4096], "broke"),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            "broke",
        ),
        (
            "a protocol of its own",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
            "answered 101",
        ),
        (
            "no content",
            b"HTTP/1.1 204 No Content\r\n\r\n".into(),
            "answered 204",
        ),
        (
            "a status beyond all",
            b"HTTP/1.1 999 X\r\n\r\n".into(),
            "answered 999",
        ),
        (
            "chunks of no size",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\nZZ\r\nxx\r\n").into(),
            "did not arrive whole",
        ),
        (
            "a chunk beyond all",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nxx").into(),
            "did not arrive whole",
        ),
        (
            "a negative chunk",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n-1\r\nxx\r\n").into(),
            "did not arrive whole",
        ),
        (
            "a chunk that goes on",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n4\r\n{ELF}\r\n0\r\n\r\n").into(),
            "did not arrive whole",
        ),
        (
            "an extension of a megabyte",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n4;{long}\r\n").into(),
            "did not arrive whole",
        ),
        (
            "two lengths",
            format!("{OK}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde").into(),
            "broke",
        ),
        (
            "a negative length",
            format!("{OK}Content-Length: -1\r\n\r\n").into(),
            "broke",
        ),
        (
            "a length beyond all",
            format!("{OK}Content-Length: 99999999999999999999999\r\n\r\n").into(),
            "broke",
        ),
        (
            "two gigabytes, announced",
            format!("{OK}Content-Length: 2147483648\r\n\r\n{ELF}").into(),
            "larger than the 1073741824 bytes",
        ),
        (
            "two gigabytes of JSON",
            format!("{JSON}Content-Length: 2147483648\r\n\r\n{{").into(),
            "larger than the 16777216 bytes",
        ),
        (
            "less than announced",
            format!("{OK}Content-Length: 5000\r\n\r\n{ELF}").into(),
            "did not arrive whole",
        ),
        (
            "more than announced",
            format!("{OK}Content-Length: 4\r\n\r\n{ELF}and more").into(),
            "can't be used",
        ),
        (
            "a head line of a megabyte",
            format!("{OK}X: {long}\r\n\r\n").into(),
            "broke",
        ),
        (
            "a thousand head lines",
            format!("{OK}{}\r\n", "X: y\r\n".repeat(1000)).into(),
            "broke",
        ),
        (
            "JSON nested deep",
            format!("{JSON}\r\n{}", "[".repeat(1 << 20)).into(),
            "JSON that can't be read",
        ),
        (
            "JSON nested deep below a field",
            format!("{JSON}\r\n{{\"x\":{}", "{\"x\":".repeat(1 << 20)).into(),
            "JSON that can't be read",
        ),
        (
            "a number as path",
            format!("{JSON}\r\n{{\"path\":1e999}}").into(),
            "JSON that can't be read",
        ),
        (
            "half a character",
            format!("{JSON}\r\n{{\"path\":\"\\ud800\"}}").into(),
            "JSON that can't be read",
        ),
        (
            "two paths",
            format!("{JSON}\r\n{{\"path\":\"/a\",\"path\":\"/b\"}}").into(),
            "JSON that can't be read",
        ),
        (
            "no UTF-8",
            [JSON.as_bytes(), b"\r\n{\"path\":\"\xff\"}"].concat(),
            "JSON that can't be read",
        ),
        (
            "a NUL in a path",
            format!("{JSON}\r\n{{\"path\":\"/tmp/a\\u0000b\"}}").into(),
            "that no file can have",
        ),
        (
            "a path of a megabyte",
            format!("{JSON}\r\n{{\"path\":\"/{long}\"}}").into(),
            "that no file can have",
        ),
        (
            "a relative path",
            format!("{JSON}\r\n{{\"path\":\"etc/passwd\"}}").into(),
            "velox.path_map",
        ),
        (
            "a path that climbs",
            format!("{JSON}\r\n{{\"path\":\"/tmp/../etc/passwd\"}}").into(),
            "velox.path_map",
        ),
    ];
    for (name, bytes, words) in table {
        let raw = RawServer::sending(bytes);
        let mut host = Host::new(Options::default());
        let ended = build_with(&raw, &mut host).await;
        let Err(Error::Remote(message)) = &ended else {
            panic!("{name}: {ended:?}")
        };
        assert!(
            message.contains(words) && message.len() < 16 << 10,
            "{name}: {message:.300}"
        );
        assert!(
            raw.requests() <= 3,
            "{name}: asked {} times",
            raw.requests()
        );
    }
}

#[tokio::test]
async fn redirect_does_not_leak_the_token() {
    let trap = RawServer::sending("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (status, place) in [
        (
            301,
            format!("http://{}/api.service.v1.BuildService/Build", trap.address),
        ),
        (302, format!("http://localhost:{}/", trap.address.port())),
        (307, format!("//{}/x", trap.address)),
        (308, "/api.service.v1.BuildService/Build".into()),
        (303, "file:///etc/passwd".into()),
        (300, "gopher://x".into()),
        (302, String::new()),
    ] {
        let raw = RawServer::sending(format!(
            "HTTP/1.1 {status} X\r\nLocation: {place}\r\nRefresh: 0; url={place}\r\nContent-Length: 0\r\n\r\n"
        ));
        let mut host = Host::new(Options::default());
        host.settings.auth_token = Some(Secret::new("s3cr3t"));
        let message = remote(build_with(&raw, &mut host).await);
        assert!(
            message.contains("redirects are not followed") && !message.contains("s3cr3t"),
            "{message}"
        );
        let heads = raw.seen.lock().unwrap().clone();
        assert_eq!(raw.requests(), 1, "{place}");
        assert!(heads[0].contains("authorization: Bearer s3cr3t"));
    }
    assert_eq!(trap.requests(), 0);
}

#[tokio::test]
async fn plain_http_server_at_an_https_url_is_an_error() {
    let raw = RawServer::sending("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut host = Host::new(Options::default());
    host.settings.server_url = Some(ServerUrl::parse(&format!("https://{}", raw.address)).unwrap());
    host.settings.auth_token = Some(Secret::new("s3cr3t"));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("can't be reached") && message.contains("after 3 attempts"),
        "{message}"
    );
    assert!(
        raw.seen
            .lock()
            .unwrap()
            .iter()
            .all(|seen| !seen.contains("s3cr3t"))
    );
}
