//! Behaviours and recorded requests of a fake Sentry. Behind one lock, shared by its connections.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::Delivery;

/// Number of complete requests that are stored; counts and ids cover all requests.
const REMEMBERED: usize = 2000;

/// A rule for the answers to the next requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Status code.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body; the real server's by default.
    pub body: Option<String>,
    /// Delay before the answer.
    pub delay_ms: u64,
    /// Faults of the transport.
    pub delivery: Delivery,
    /// Number of requests that it applies to; 0: all.
    pub times: u64,
    /// Close the connection after the answer without an announcement, as a server does with idle ones.
    pub then_close: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: None,
            delay_ms: 0,
            delivery: Delivery::default(),
            times: 1,
            then_close: false,
        }
    }
}

impl Behaviour {
    /// An answer with this status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits it to that many requests; 0: all.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }
}

/// One recorded request.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// The path of the request.
    pub path: String,
    /// `X-Sentry-Auth`.
    pub auth: String,
    /// `Content-Encoding`.
    pub encoding: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// Bytes of the body on the wire.
    pub wire_bytes: usize,
    /// The number of its connection.
    pub connection: u64,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// The status of the answer.
    pub status: u16,
    /// Whether the answer was sent.
    pub is_told: bool,
    /// The envelope's header.
    pub header: Value,
    /// For each item: its header and its payload, as JSON if it is JSON.
    pub items: Vec<(Value, Value)>,
    /// The violation of the grammar, if any.
    pub error: Option<String>,
    /// The uncompressed envelope, for other parsers.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accepted connections.
    pub connections: u64,
    /// Requests with an envelope.
    pub envelopes: u64,
    /// Requests that violate the grammar.
    pub invalid: u64,
    /// Events with an `extra.sum` that is not the CRC-32 of their `extra.body`.
    pub damaged: u64,
    /// Envelopes with a 2xx answer that was sent.
    pub taken: u64,
    /// Requests in flight.
    pub in_flight: u64,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub counts: Counts,
    pub seen: VecDeque<Seen>,
    /// Ids of accepted events, in the order of arrival.
    pub ids: Vec<String>,
    pub behaviours: VecDeque<Behaviour>,
}

#[derive(Debug)]
pub(super) struct State {
    inner: Mutex<Inner>,
    pub begun: std::time::Instant,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            begun: std::time::Instant::now(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(super) fn next_behaviour(&mut self) -> Behaviour {
        let Some(first) = self.behaviours.front_mut() else {
            return Behaviour::default();
        };
        let behaviour = first.clone();
        match first.times {
            0 => {}
            1 => {
                self.behaviours.pop_front();
            }
            _ => first.times -= 1,
        }
        behaviour
    }

    pub(super) fn note(&mut self, seen: Seen) {
        self.counts.envelopes += 1;
        self.counts.invalid += u64::from(seen.error.is_some());
        let damaged = seen.items.iter().filter(|(_, payload)| is_damaged(payload));
        self.counts.damaged += damaged.count() as u64;
        if seen.is_told && (200..300).contains(&seen.status) {
            self.counts.taken += 1;
            if let Some(id) = seen.header.get("event_id").and_then(Value::as_str) {
                self.ids.push(id.to_owned());
            }
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }
}

/// Some senders add a checksum, to prove that all bytes arrive.
fn is_damaged(payload: &Value) -> bool {
    let text = |name| payload.get("extra")?.get(name)?.as_str();
    let (Some(body), Some(sum)) = (text("body"), text("sum")) else {
        return false;
    };
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    format!("{:08x}", crc.sum()) != sum
}
