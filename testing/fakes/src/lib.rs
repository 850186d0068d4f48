//! Servers to test Pillion against, as a library for Rust tests and as programs for all other tests.
//!
//! # Layout
//! - [`velox`]: a Velox build server that answers like the real one ("v3"), and that can misbehave in
//!   every way a network, a proxy, a disk or a hostile server can.
//! - [`sentry`]: a Sentry that accepts envelopes, checks each against the grammar, and gives scripted answers.
//! - [`redis`]: a proxy before a real Redis that refuses what Dragonfly lacks, and that can be silent, slow or wrong.
//! - [`http`]: HTTP/1.1 directly over a socket, because a server that breaks off in the middle of a head, sends a wrong
//!   length or drips bytes needs the socket itself; a regular HTTP library exists to prevent all that.
//! - `src/bin/fake-velox.rs`, `fake-sentry.rs`, `fake-redis.rs`: the same servers as programs, scripted through their
//!   control endpoints, the last one through its standard input.
//!
//! Nothing here depends on the engine, so the engine's own tests can use it. It listens on loopback only, because any
//! client of the control endpoint chooses the content of files below its directory.

mod error;
pub mod http;
pub mod redis;
pub mod sentry;
pub mod velox;

pub use error::{Error, Result};
pub use sentry::FakeSentry;
pub use velox::{
    Answer, Behaviour, Counters, Delivery, FakeVelox, FileFault, Gzip, Options, Progress, Script,
    When,
};
