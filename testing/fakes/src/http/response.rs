//! A server's response before its delivery. The head is rendered in the order of Go's net/http, as the real server's.

use std::fmt::Write as _;
use std::io::Read;
use std::time::SystemTime;

/// Bodies of at least this length are sent in chunks by Go's net/http, unless the handler set a length.
const COUNTED: u64 = 2048;

/// The content of a response.
pub enum Body {
    /// Complete in memory.
    Bytes(Vec<u8>),
    /// Generated while it is sent, so that gigabytes need no memory. Without a length it is sent in chunks.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

/// The way in which the response marks the end of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Content-Length`, correct or not.
    Counted(u64),
    Chunked,
    /// By the end of the connection, or there is no body.
    Open,
}

/// A complete response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, without `Date`, `Content-Length`, `Transfer-Encoding` and `Connection`, which the delivery adds.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Body,
}

impl Response {
    /// A response without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(body.into()),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The announced length, or `None` for chunks.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes.len() as u64).filter(|length| *length <= COUNTED),
            Body::Stream(_, length) => *length,
        }
    }

    /// Status line and headers, including the empty line.
    pub(super) fn head(
        &self,
        minor: u8,
        framing: Framing,
        close: bool,
        now: SystemTime,
    ) -> Vec<u8> {
        let mut head = format!("HTTP/1.{minor} {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Date: {}\r\n", httpdate::fmt_http_date(now));
        if let Framing::Counted(length) = framing {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        if close && minor > 0 {
            head.push_str("Connection: close\r\n");
        }
        if framing == Framing::Chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_above_two_kilobytes_is_sent_in_chunks() {
        assert_eq!(Response::new(200, vec![b'x'; 2048]).length(), Some(2048));
        assert_eq!(Response::new(200, vec![b'x'; 2049]).length(), None);
    }
}
