//! Servers that answer, and that do not.

use crate::test_host::{Host, http_server};

#[test]
fn servers_are_asked_and_no_secret_is_printed() {
    let host = Host::new();
    let (server, address) = host.serve();
    let (velox, live) = host.velox();
    let late = http_server(
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let arguments = [
        "-d".to_owned(),
        format!("velox_server_url=http://{live}"),
        "-d".to_owned(),
        format!("sentry_dsn=http://very-secret@{late}/1"),
        "-d".to_owned(),
        "cache_url=redis://user:very-secret@127.0.0.1:1".to_owned(),
        "-d".to_owned(),
        "velox_auth_token=very-secret".to_owned(),
        "-d".to_owned(),
        format!("serve_listen={address}"),
    ];
    let found = host.examine(&arguments.each_ref().map(String::as_str));
    found.has("ok velox server", &format!("http://{live}/ answers (400)"));
    found.has(
        "fail go toolchain",
        &format!("{} has no `go`", velox.0.id()),
    );
    let shown = format!("{late} answers, and its clock differs by");
    found.has("warn sentry server", &shown);
    found.has("fail cache server", "127.0.0.1:1: Connection refused");
    found.has("ok pillion serve", &format!("{address} answers"));
    assert!(
        !found.lines.concat().contains("very-secret"),
        "{:#?}",
        found.lines
    );
    drop(server);
    let arguments = ["--offline", "-d", "delivery_url=/_pillion"];
    host.examine(&arguments)
        .has("warn delivery", "start `pillion serve`");
}

#[test]
fn only_a_velox_server_that_accepts_the_token_is_right() {
    let host = Host::new();
    let (_velox, address) = host.velox();
    let (_server, own) = host.serve();
    let examine = |address: &str, token: &str| {
        let url = format!("velox_server_url=http://{address}");
        host.examine(&["-d", &url, "-d", &format!("velox_auth_token={token}")])
    };
    examine(&address, "wrong").has("fail velox server", "velox.auth_token is missing or wrong");
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        let other = http_server(answer);
        examine(&other, "t").has("fail velox server", "is not a Velox server");
    }
    examine(&own, "t").has("fail velox server", &own);
    host.examine(&[])
        .has("ok velox server", "builds are off; velox.server_url");
}
