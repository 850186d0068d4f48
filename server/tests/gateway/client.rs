//! An HTTP/1.1 client of raw sockets, which keeps its connection.

use std::{collections::HashMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A connection with the token of its requests.
pub struct Client {
    pub stream: TcpStream,
    token: String,
    /// The value of `Host`.
    pub host: String,
}

impl Client {
    /// Connects; without a token if it is empty.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let token = token.to_owned();
        Self {
            stream,
            token,
            host: "cache.example:1".to_owned(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    pub async fn put(&mut self, path: &str, body: &[u8]) -> Answer {
        self.request("PUT", path, &[], body).await
    }

    pub async fn post(&mut self, path: &str, body: &str) -> Answer {
        self.request("POST", path, &[], body.as_bytes()).await
    }

    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let headers: Vec<&str> = headers.iter().copied().chain([&*length]).collect();
        self.head(method, path, &headers).await;
        // The server may have answered and closed the connection.
        let _ = self.stream.write_all(body).await;
        self.answer(method == "HEAD").await
    }

    /// Sends a head.
    pub async fn head(&mut self, method: &str, path: &str, headers: &[&str]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        if !self.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.token);
        }
        for header in headers {
            head += &format!("{header}\r\n");
        }
        head += "\r\n";
        self.stream.write_all(head.as_bytes()).await.unwrap();
    }

    /// Reads a response.
    pub async fn answer(&mut self, is_head: bool) -> Answer {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                break end;
            }
            let count = self.stream.read_buf(&mut bytes).await.unwrap();
            assert!(count > 0, "no head: {}", String::from_utf8_lossy(&bytes));
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: HashMap<String, String> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let length = headers
            .get("content-length")
            .map(|length| length.parse().unwrap());
        let status = status.parse().unwrap();
        let length = if is_head || status == 304 {
            0
        } else {
            length.unwrap_or(0)
        };
        let mut body = bytes[end + 4..].to_vec();
        while body.len() < length {
            let count = self.stream.read_buf(&mut body).await.unwrap();
            assert!(
                count > 0,
                "body ends after {} of {length} bytes",
                body.len()
            );
        }
        Answer {
            status,
            headers,
            body,
        }
    }
}
