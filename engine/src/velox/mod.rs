//! Velox builds: from a request to an artifact, with one flight a configuration on the whole host.
//!
//! # Layout
//!
//! From what is asked to what is brought:
//!
//! * `request` (with `fields`, `rules`, `platform`) what PHP or JSON gives, checked; `canonical`,
//!   `identity`, `moving` what it is called, and whether its artifact is there.
//! * `builds` the door: a hit at once, or a seat in a flight.
//! * `local` the callers of one process share a `pilot`; `flight` the pilots of the host share a build.
//! * `work` one build: a slot (`slots`), the server (`client`, `answer`, `trouble`, `retry`), its file
//!   (`source`, `beneath`, `magic`) or body (`body`), and a place to keep it (`keep`).
//! * `progress`, `status` what is told meanwhile.

mod answer;
mod beneath;
mod body;
mod builds;
mod canonical;
mod client;
mod fields;
mod flight;
mod identity;
mod keep;
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

pub use builds::{Artifact, CacheStatus, Places, Velox};
pub use canonical::Canonical;
pub use identity::{Explanation, Identity, Reason, digest_of_config, explain};
pub use moving::moving_ref;
pub use platform::{host_arch, host_os};
pub use progress::{Phase, Progress};
pub use request::{Exclude, Plugin, Replace, Request};
pub use slots::Limit;

#[cfg(test)]
mod tests;
