//! As much of an HTTP client as FrankenPHP needs: one GET, one answer, by hand over a socket.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The body of a 200, as text.
///
/// # Errors
/// No answer within the time, or another status.
pub async fn get(address: SocketAddr, target: &str, limit: Duration) -> io::Result<String> {
    let build_requests = async {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!("GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        match status {
            "200" => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("status {status:?}: {body:.300}"))),
        }
    };
    tokio::time::timeout(limit, build_requests)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
