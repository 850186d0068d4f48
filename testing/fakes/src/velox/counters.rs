//! Counters and recorded requests of the server, for tests that assert their number and content.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Number of requests that are stored; older ones are dropped, and stay counted.
pub const REMEMBERED: usize = 1000;

/// Counters since the start or the last reset. Control requests are not counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Accepted connections, including control connections.
    pub connections: u64,
    /// Requests of any kind.
    pub requests: u64,
    /// Requests to the build procedure.
    pub build_requests: u64,
    /// Requests to `/builds/…`.
    pub progress_requests: u64,
    /// Builds begun: neither refused, nor cached, nor answered by a proxy.
    pub builds_started: u64,
    /// Of them, those that ended with a successful answer.
    pub builds_finished: u64,
    /// Of them, those that ended with an error.
    pub builds_failed: u64,
    /// Of them, those that ended because the client closed the connection.
    pub builds_cancelled: u64,
    /// Answers from the server's own cache.
    pub cache_hits: u64,
    /// 409 answers, real and simulated.
    pub conflicts: u64,
    /// Running builds.
    pub in_flight: u64,
    /// Maximum of concurrent builds.
    pub max_in_flight: u64,
    /// The last [`REMEMBERED`] requests, oldest first.
    pub recent: VecDeque<Seen>,
}

/// One received request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Its number, from 1.
    pub number: u64,
    /// Time of its arrival, in seconds since the server's start.
    pub at: f64,
    /// `POST`, `GET`, …
    pub method: String,
    /// The target with its query.
    pub path: String,
    /// Headers by lower-case name; the last of several with one name.
    pub headers: BTreeMap<String, String>,
    /// The body; invalid UTF-8 is replaced.
    pub body: String,
    /// The server's hash of the build, if the request was a valid one.
    pub hash: Option<String>,
    /// The status of the answer, as soon as it exists.
    pub status: Option<u16>,
    /// Time at which the answer was sent or abandoned, in seconds since the server's start.
    pub done_at: Option<f64>,
}
