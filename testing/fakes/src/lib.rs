//! Servers to test Pillion against, as a library for Rust tests and as programs for everything else.
//!
//! # Layout
//! - [`velox`]: a Velox build server that answers byte for byte as the real one does ("v3"), and that can be told
//!   to misbehave in every way a network, a proxy, a disk or a hostile server can.
//! - [`sentry`]: a Sentry that takes envelopes, checks each by the grammar, and answers as it is told.
//! - [`http`]: HTTP/1.1 by hand over a socket, because a server that has to break off in the middle of a head, lie
//!   about a length or drip bytes needs the socket itself; a proper HTTP library exists to prevent all that.
//! - `src/bin/fake-velox.rs`, `fake-sentry.rs`: the same servers as programs, told what to do through their control
//!   endpoints.
//!
//! Nothing here depends on the engine, so the engine's own tests can use it. It listens on loopback only: its control
//! endpoint lets anyone who reaches it choose what is written below its directory.

mod error;
pub mod http;
pub mod sentry;
pub mod velox;

pub use error::{Error, Result};
pub use sentry::FakeSentry;
pub use velox::{
    Answer, Behaviour, Counters, Delivery, FakeVelox, FileFault, Gzip, Options, Progress, Script,
    When,
};
