//! Velox builds: from a request to an artifact, with one flight for each configuration on the whole host.
//!
//! # Layout
//!
//! Each module uses only those above it.
//!
//! * `protocol`: the request, its grammar and platforms; the build server uses it too.
//! * `keys`: the cache key and digest of a request, and the lookup by them.
//! * `flight`: shares one build among all subscribers of the process (`inflight`) and of the host (`single_flight`).
//! * `build`: runs one build: a slot, attempts, the server's binary, its storage.
//! * `delivery`: hands artifacts to clients of HTTP: tickets, and the stored requests behind them.
//! * `builds`: the entry point [`Velox`]; `lookup` answers from the cache, `status` lists the active builds, `probe`
//!   asks whether the server is there.
//!
//! A request passes through JSON, [`BuildRequest`], `Build` and `CommitMeta`; its result is a `BuildOutput`, the same
//! for all subscribers, and an [`Artifact`](crate::artifacts::Artifact) for each of them.

mod build;
mod builds;
pub mod delivery;
mod filename;
mod flight;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod lookup;
mod probe;
pub mod protocol;
mod status;

pub use build::build_slots::{BuildLimit, Recency};
pub use build::context::BuildDirs;
pub use build::remote::{BuiltBinary, RemoteBinaries, RemoteBinary};
pub use builds::{PendingBuild, Velox};
pub use filename::filename;
pub use flight::progress::{Phase, Progress};
pub use keys::config_keys::ConfigKeys;
pub use keys::explain::{Explanation, LookupReason, explain};
pub use keys::mutable_refs::mutable_ref;
pub use probe::probe;
pub use protocol::configuration::{Configuration, Given, Name, Table};
pub use protocol::request::{BuildRequest, Exclude, Platform, Plugin, Replace};

#[cfg(test)]
mod tests;
