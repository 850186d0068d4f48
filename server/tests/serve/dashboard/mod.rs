//! The dashboard's API from outside.

mod access;
mod actions;
mod events;
mod sentry;
mod views;

use std::net::SocketAddr;

use pillion_fakes::Options;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    client::Answer,
    test_host::{Running, TestHost},
};

const TOKEN: &str = "correct-horse";

/// A host with a server; its dashboard needs [`TOKEN`].
struct Guarded {
    host: TestHost,
    server: Running,
    address: SocketAddr,
}

impl Guarded {
    async fn start() -> Self {
        let host = TestHost::new(Options::default());
        let file = host.dir.path().join("token");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let mut server = host.start_with(&[("serve_token_file", file.to_str().unwrap())]);
        let address = server.address().await;
        Self {
            host,
            server,
            address,
        }
    }

    async fn read(&self, path: &str) -> Answer {
        call(self.address, "GET", path, &[&bearer()], "").await
    }

    async fn act(&self, path: &str, arguments: &Value) -> Answer {
        let headers = [&*bearer(), "Content-Type: application/json"];
        call(self.address, "POST", path, &headers, &arguments.to_string()).await
    }
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

/// Sends a request to a path of the API as a page at localhost does; a header `Host` among `headers` replaces that.
async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = headers.iter().any(|header| header.starts_with("Host:"));
    let host = if host { "" } else { "Host: localhost\r\n" };
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let length = body.len();
    let head = format!(
        "{method} /dashboard{path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may have answered and closed before all of it is sent.
    let _ = stream.write_all(body.as_bytes()).await;
    Answer::read(&mut stream).await
}
