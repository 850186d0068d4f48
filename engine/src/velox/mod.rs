//! Velox builds: from a request to an artifact, with one flight a configuration on the whole host.

mod answer;
mod beneath;
mod body;
mod canonical;
mod client;
mod fields;
mod flight;
mod magic;
mod moving;
mod request;
mod retry;
mod slots;
mod source;
mod trouble;

pub use canonical::Canonical;
pub use moving::moving_ref;
pub use request::{Exclude, Plugin, Replace, Request, host_arch, host_os};
