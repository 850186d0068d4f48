//! What the server has seen: for tests that assert how often it was asked, and with what.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// So many requests are remembered; older ones are forgotten, and stay counted.
pub const REMEMBERED: usize = 1000;

/// Counters since the start or the last reset. Control requests are not counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections accepted, control connections included.
    pub connections: u64,
    /// Requests of any kind.
    pub requests: u64,
    /// Requests to the build procedure.
    pub build_requests: u64,
    /// Requests to `/builds/…`.
    pub progress_requests: u64,
    /// Builds that were begun: neither refused, nor cached, nor answered by a proxy.
    pub builds_started: u64,
    /// Of them, those that ended with an answer other than an error.
    pub builds_finished: u64,
    /// Of them, those that ended with an error.
    pub builds_failed: u64,
    /// Of them, those that ended because the client left.
    pub builds_cancelled: u64,
    /// Answers from the server's own cache.
    pub cache_hits: u64,
    /// 409 answers, real and pretended.
    pub conflicts: u64,
    /// Builds that run now.
    pub in_flight: u64,
    /// The most that ever ran at once.
    pub max_in_flight: u64,
    /// The last [`REMEMBERED`] requests, oldest first.
    pub recent: VecDeque<Seen>,
}

/// One request that arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Its number, from 1.
    pub number: u64,
    /// When it arrived, in seconds since the server's start.
    pub at: f64,
    /// `POST`, `GET`, …
    pub method: String,
    /// The target with its query.
    pub path: String,
    /// Headers by their names in small letters; of several with one name, the last.
    pub headers: BTreeMap<String, String>,
    /// The body; bytes that are no text are replaced.
    pub body: String,
    /// The server's name for the build, where the request was a valid one.
    pub hash: Option<String>,
    /// The status of the answer, once there is one.
    pub status: Option<u16>,
    /// When the answer was sent or given up, in seconds since the server's start.
    pub done_at: Option<f64>,
}
