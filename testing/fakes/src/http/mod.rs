//! HTTP/1.1 for servers that must be able to misbehave: reads requests correctly, and writes responses with any fault
//! that a test selects. No TLS, no HTTP/2. Runs on the runtime that started the server.

mod connection;
mod delivery;
mod response;

pub use connection::{BadRequest, Connection};
pub use delivery::{Delivery, Sent};
pub use response::{Body, Response};

/// One complete request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, … as sent.
    pub method: String,
    /// The request target as sent, query included.
    pub target: String,
    /// The minor version of HTTP/1: 0 or 1.
    pub minor: u8,
    /// Names as sent, values without the surrounding blanks, in order.
    pub headers: Vec<(String, String)>,
    /// The body without its transfer coding; a content coding is left in place.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether the client wants to send another request over the same connection (RFC 9112 §9.3).
    pub fn keep_alive(&self) -> bool {
        let says = |word: &str| {
            self.header("connection").is_some_and(|value| {
                value
                    .split(',')
                    .any(|part| part.trim().eq_ignore_ascii_case(word))
            })
        };
        if self.minor == 0 {
            says("keep-alive")
        } else {
            !says("close")
        }
    }
}
