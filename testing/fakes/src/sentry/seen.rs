//! What a fake Sentry is told to do, and what it has seen. Behind one lock, shared by its connections.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::Delivery;

/// So many requests are remembered whole; all are counted, and the ids of all are kept.
const REMEMBERED: usize = 2000;

/// How to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Status code.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body; the real server's by default.
    pub body: Option<String>,
    /// Wait so long before the answer.
    pub delay_ms: u64,
    /// How the answer goes onto the wire.
    pub delivery: Delivery,
    /// For so many requests; 0: for all.
    pub times: u64,
    /// Close the connection after the answer without a word, as a server does with idle ones.
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

    /// The same with one header more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same for so many requests; 0: for all.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// The path it was posted to.
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
    /// What was answered.
    pub status: u16,
    /// Whether the answer went out.
    pub is_told: bool,
    /// The envelope's header.
    pub header: Value,
    /// Of each item: its header and its payload, as JSON where it is that.
    pub items: Vec<(Value, Value)>,
    /// What is wrong with the envelope.
    pub error: Option<String>,
    /// The envelope, unpacked; for other parsers.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Requests that were envelopes.
    pub envelopes: u64,
    /// Requests that broke the grammar.
    pub invalid: u64,
    /// Events whose `extra.sum` is not the CRC-32 of their `extra.body`.
    pub damaged: u64,
    /// Envelopes answered with 2xx, where the answer was not kept back.
    pub taken: u64,
    /// Requests in flight.
    pub in_flight: u64,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub counts: Counts,
    pub seen: VecDeque<Seen>,
    /// Ids of events taken, in their order.
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

/// Senders that want to know whether all bytes arrive send a checksum along.
fn is_damaged(payload: &Value) -> bool {
    let text = |name| payload.get("extra")?.get(name)?.as_str();
    let (Some(body), Some(sum)) = (text("body"), text("sum")) else {
        return false;
    };
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    format!("{:08x}", crc.sum()) != sum
}
