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

mod answer;
mod artifact;
mod beneath;
mod body;
mod builds;
mod canonical;
mod client;
mod fetch;
mod fields;
mod flight;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hits;
mod identity;
mod inner;
mod intake;
mod keep;
mod lead;
mod local;
mod magic;
mod moving;
mod pilot;
mod platform;
mod progress;
mod request;
mod retry;
mod rules;
mod slots;
mod source;
mod status;
mod trouble;
mod work;

pub use artifact::{Artifact, CacheStatus, filename};
pub use builds::{Booking, Velox};
pub use canonical::Canonical;
pub use identity::{Explanation, Identity, Reason, explain};
pub use inner::Places;
pub use moving::moving_ref;
pub use platform::{host_arch, host_os};
pub use progress::{Phase, Progress};
pub use request::{Exclude, Plugin, Replace, Request};
pub use slots::{Limit, Recency};

#[cfg(test)]
mod tests;
