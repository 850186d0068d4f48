//! Velox builds: from a request to an artifact, with one flight for each configuration on the whole host.
//!
//! # Layout
//!
//! * `protocol`: the request (`request`, `json_fields`), its `grammar`, its `platform`.
//! * `keys`: `canonical` JSON, `config_keys` (cache key and digest), `mutable_refs`.
//! * `builds`: the entry point. Answers a hit at once (`lookup`), or joins a flight; `context` holds the shared parts,
//!   `artifact` is the result.
//! * `flight`: one build for all callers. `inflight` joins the callers of one process; `table`, `slot`, `leader`,
//!   `follower` and `outcome` those of the host.
//! * `build`: one build. `coordinator` joins or leads the host's flight, `leader_task` leads it, `task` takes a slot
//!   (`build_slots`) and makes attempts with pauses (`retry`) according to `error`; `attempt` asks the server (`client`,
//!   `response`), takes its file (`server_file`, `open_beneath`, `executable`) or body (`body`, `receive`), and keeps the
//!   binary (`storage`).
//! * `status`: builds in flight and their progress.

mod artifact;
pub(crate) mod build;
mod builds;
mod context;
mod flight;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod keys;
mod lookup;
pub(crate) mod protocol;
mod status;

pub use artifact::{Artifact, CacheStatus, filename};
pub use build::build_slots::{Limit, Recency};
pub use build::progress::{Phase, Progress};
pub use builds::{Booking, Velox};
pub use context::Places;
pub use keys::canonical::Canonical;
pub use keys::config_keys::{Explanation, Identity, Reason, explain};
pub use keys::mutable_refs::moving_ref;
pub use protocol::platform::{host_arch, host_os};
pub use protocol::request::{Exclude, Plugin, Replace, Request};

#[cfg(test)]
mod tests;
