//! A Velox build server to test against. It answers like the real one (release "v3": cache, 409 while the same build is
//! in flight, builds cancelled when their client leaves) without Go, GitHub or delays, and misbehaves on demand.
//!
//! # Layout
//! From the outside inwards: `fake` (start and stop) → `server` (connections) → `service` (decisions) → `work` (one
//! running build). The protocol: `connect` over `message`. The script: `options`, `behaviour`, `answer`, `rules`;
//! the products: `binary`, `files`; the records: `counters`, `state`; the HTTP endpoints for them: `control`,
//! `progress`.

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
mod rules;
mod server;
mod service;
mod state;
mod work;

pub use self::answer::{Answer, Gzip};
pub use self::behaviour::{Behaviour, When};
pub use self::binary::{Binary, SMALLEST};
pub use self::connect::{BUILD, Refusal, refusals};
pub use self::counters::{Counters, REMEMBERED, Seen};
pub use self::fake::FakeVelox;
pub use self::files::FileFault;
pub use self::options::{Options, Progress, Script};
pub use crate::http::Delivery;
use crate::http::Response;

/// Go's answer to an unknown path.
fn not_found() -> Response {
    Response::new(404, "404 page not found\n")
        .with("Content-Type", "text/plain; charset=utf-8")
        .with("X-Content-Type-Options", "nosniff")
}
