//! One connection of a client: reads requests from it one after the other, and detects its end while an answer is still
//! being made. One task per connection owns it; nothing is shared.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Request;

/// Maximum length of a head in bytes, as in Go's net/http, rounded down.
const MAX_HEAD: usize = 1 << 20;
/// Maximum length of a body in bytes. Build requests are a few kilobytes.
const MAX_BODY: usize = 32 << 20;
const MAX_HEADERS: usize = 128;

/// A request that is not HTTP; the connection can't be used after it.
#[derive(Debug)]
pub struct BadRequest(pub String);

impl From<io::Error> for BadRequest {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The server's end of one TCP connection.
pub struct Connection {
    pub(super) stream: TcpStream,
    /// Received bytes that are not yet consumed: the rest of a request, or the next one.
    arrived: Vec<u8>,
}

impl Connection {
    /// Wraps an accepted socket. Small writes are sent at once, so that a drip is a drip.
    pub fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            arrived: Vec::new(),
        }
    }

    /// The next request, or `None` if the client has closed the connection.
    ///
    /// # Errors
    /// The bytes are not an HTTP/1 request, too long, or the connection broke inside one.
    pub async fn next_request(&mut self) -> Result<Option<Request>, BadRequest> {
        let (mut request, head) = loop {
            if let Some(parsed) = parse_head(&self.arrived)? {
                break parsed;
            }
            if self.arrived.len() > MAX_HEAD {
                return Err(BadRequest("the head is too long".into()));
            }
            if self.stream.read_buf(&mut self.arrived).await? == 0 {
                return if self.arrived.is_empty() {
                    Ok(None)
                } else {
                    Err(BadRequest("ended inside the head".into()))
                };
            }
        };
        self.arrived.drain(..head);
        if request
            .header("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        let chunked = request
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        request.body = if chunked {
            self.chunked_body().await?
        } else {
            let length = match request.header("content-length") {
                Some(text) => text
                    .parse()
                    .map_err(|_| BadRequest(format!("bad Content-Length {text:?}")))?,
                None => 0,
            };
            self.take(length).await?
        };
        Ok(Some(request))
    }

    /// Returns when the client has closed its end or the connection broke. Bytes received meanwhile are kept for the
    /// next request. A client that only half-closes counts as gone, as in the real server.
    pub async fn gone(&mut self) {
        while self.arrived.len() <= MAX_HEAD {
            match self.stream.read_buf(&mut self.arrived).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, BadRequest> {
        if length > MAX_BODY {
            return Err(BadRequest("the body is too long".into()));
        }
        while self.arrived.len() < length {
            if self.stream.read_buf(&mut self.arrived).await? == 0 {
                return Err(BadRequest("ended inside the body".into()));
            }
        }
        Ok(self.arrived.drain(..length).collect())
    }

    async fn line(&mut self) -> Result<String, BadRequest> {
        let end = loop {
            if let Some(end) = self.arrived.windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            if self.arrived.len() > MAX_HEAD || self.stream.read_buf(&mut self.arrived).await? == 0
            {
                return Err(BadRequest("ended inside a chunk's head".into()));
            }
        };
        let line = self.take(end + 2).await?;
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }

    /// RFC 9112 §7.1; chunk extensions and trailers are read and ignored.
    async fn chunked_body(&mut self) -> Result<Vec<u8>, BadRequest> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| BadRequest(format!("bad chunk size {line:?}")))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if size > MAX_BODY || body.len() + size > MAX_BODY {
                return Err(BadRequest("the body is too long".into()));
            }
            body.extend(self.take(size).await?);
            self.line().await?;
        }
    }
}

/// The head and its length, or `None` if it is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize)>, BadRequest> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(BadRequest(error.to_string())),
    };
    let headers = parsed.headers.iter().map(|header| {
        (
            header.name.to_owned(),
            String::from_utf8_lossy(header.value).trim().to_owned(),
        )
    });
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        minor: parsed.version.unwrap_or(1),
        headers: headers.collect(),
        body: Vec::new(),
    };
    Ok(Some((request, length)))
}
