//! The part of Pillion that needs no PHP. The extension converts PHP values, calls this library, and converts the
//! results back; the `pillion` program uses the same modules.
//!
//! # Layout
//!
//! * [`config`] the table of settings; resolves INI, environment, YAML and defaults.
//! * [`logging`] structured log lines; PHP's thread never waits for a write.
//! * [`http_client`] shared by all network clients; `dns` name resolution like the C library's; `tls` trusted
//!   certificates.
//! * `shm` memory that processes share: segments, and the mechanisms over their words.
//! * [`metrics`] counters, gauges and histograms of the host, each declared once.
//! * [`host`] state that the processes of one machine share: directories, locks, presence, leader.
//! * [`runtime`] the Tokio runtime of one process: start, fork, stop; jobs and their outcomes.
//! * [`artifacts`] built binaries on disk and the mmap'd index that finds them.
//! * [`velox`] builds: request, key, flight, client.
//! * [`sentry`] envelopes: outbox, rate limits, sender, dead letters.
//! * [`cache`] values that all PHP processes of the host share: the first tier in a segment, and Redis behind it.
//! * [`remote`] artifacts that several hosts share through a gateway.
//! * [`pipeline`] tasks of a workspace: `velocity.yml`, keys, runs, and the store of their outputs.
//! * [`worker`] the lifecycle of a request, and the registry of workers.
//! * [`engine`] all of it for one process, opened lazily.
//! * `descriptors` keeps descriptors 0 to 2 occupied; `file_size` turns a file size limit into an error; [`threads`]
//!   blocking work and refused threads; `signals` signal masks; `time` dates as text; `backoff` retry pauses;
//!   [`secret`] values that are never shown; [`hmac`] signatures; [`uuid`] ids; `writeback` of files that are
//!   synced.
//!
//! Doors: `velox → artifacts → host`, `sentry → host`. `config`, `logging`, `metrics`,
//! `http_client`, `shm`, `host` and `runtime` use none of the modules above them.

pub mod artifacts;
mod backoff;
pub mod cache;
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
pub mod hmac;
pub mod host;
pub mod http_client;
pub mod logging;
pub mod metrics;
pub mod pipeline;
pub mod remote;
pub mod runtime;
pub mod secret;
pub mod sentry;
mod shm;
mod signals;
mod sync;
pub mod threads;
mod time;
pub mod tls;
pub mod uuid;
pub mod velox;
pub mod worker;
mod writeback;

pub use error::{Error, Result};
