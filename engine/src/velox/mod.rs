//! Velox builds: from a request to an artifact, with one flight a configuration on the whole host.
//!
//! # Layout
//!
//! From what is asked to what is brought:
//!
//! * `request` (with `fields`, `rules`, `platform`) what PHP or JSON gives, checked; `canonical`,
//!   `identity`, `moving` what it is called, and whether its artifact is there.
//! * `builds` the door: a hit at once (`hits`), or a seat in a flight; `inner` what lies behind it,
//!   `artifact` what comes out.
//! * `local` the callers of one process share a `pilot`; `flight` the pilots of the host share a build,
//!   which one of them has the `lead` of.
//! * `work` one build: a slot (`slots`), and attempts with pauses (`retry`) by what went wrong (`trouble`).
//! * `fetch` one attempt: the server (`client`, `answer`), its file (`source`, `beneath`, `magic`) or body
//!   (`body`, `intake`), and a place to keep it (`keep`).
//! * `progress`, `status` what is told meanwhile.

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
