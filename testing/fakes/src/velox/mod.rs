//! A Velox build server to test against. It answers as the real one does (release "v3": wording, headers, hash, cache,
//! 409 while the same build is in flight, builds cancelled when their client leaves) without Go, GitHub or time, and
//! misbehaves when told to.
//!
//! # Layout
//! From the outside inwards: `fake` (start and stop) → `server` (connections) → `service` (decides) → `work` (one build
//! that runs). The protocol: `connect` over `protojson`, `prototext`, `message`, `validate` and `wire`. What it is
//! told: `options`, `behaviour`, `answer`, `rules`; what it makes: `binary`, `files`; what it has seen: `counters`,
//! `state`; asked over HTTP: `control`, `progress`.

mod answer;
mod behaviour;
mod binary;
mod connect;
mod control;
mod counters;
mod fake;
mod files;
mod message;
mod options;
mod progress;
mod protojson;
mod prototext;
mod rules;
mod server;
mod service;
mod state;
mod validate;
mod wire;
mod work;

pub use self::answer::{Answer, Gzip};
pub use self::behaviour::{Behaviour, When};
pub use self::binary::{Binary, SMALLEST};
pub use self::connect::BUILD;
pub use self::counters::{Counters, REMEMBERED, Seen};
pub use self::fake::FakeVelox;
pub use self::files::FileFault;
pub use self::options::{Options, Progress, Script};
pub use crate::http::Delivery;
use crate::http::Response;

/// Go's answer to a path that nobody serves.
fn not_found() -> Response {
    Response::new(404, "404 page not found\n")
        .with("Content-Type", "text/plain; charset=utf-8")
        .with("X-Content-Type-Options", "nosniff")
}
