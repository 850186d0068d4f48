//! Everything of Pillion that needs no PHP. The extension converts PHP values, calls in here, and
//! converts back; the `pillion` program stands on the same rooms.
//!
//! # Layout
//!
//! * [`config`] one table that describes each setting; INI, environment, YAML and defaults resolved.
//! * [`logging`] structured lines that PHP's thread never waits for.
//! * [`net`] what all clients over the network have in common; `dns` names as the C library resolves them.
//! * [`metrics`] typed handles for what the rooms count.
//! * [`host`] what the processes of one machine share: directories, locks, presence, segments, steward.
//! * [`runtime`] the Tokio runtime of one process: start, fork, stop; jobs and their outcomes.
//! * [`artifacts`] built binaries on disk and the mmap'd index that finds them.
//! * [`velox`] builds: request, key, flight, client.
//! * [`sentry`] envelopes: outbox, limits, sender, dead letters.
//! * [`worker`] where requests begin and end.
//! * `descriptors` none of ours is below 3; `file_size` a limit of it is an error; [`threads`] work that blocks, and machines that give no thread.
//! * [`uuid`] ids that are made here.
//! * `builder` (feature) a build server that speaks Velox's protocol.
//!
//! Doors: `velox → artifacts → host`, `builder → artifacts`, `sentry → host`. `config`, `logging`, `metrics`, `net`, `host`
//! and `runtime` know none of the rooms above them.

pub mod artifacts;
#[cfg(feature = "builder")]
pub mod builder;
pub mod config;
mod descriptors;
mod dns;
pub mod engine;
pub mod error;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
#[cfg(feature = "failpoints")]
pub mod failpoint;
mod file_size;
pub mod host;
pub mod http_client;
pub mod logging;
pub mod metrics;
pub mod runtime;
pub mod sentry;
mod sync;
pub mod threads;
mod tls;
pub mod uuid;
pub mod velox;
pub mod worker;

pub use error::{Error, Result};
