//! Velox builds: from a request to an artifact, with one flight a configuration on the whole host.

mod canonical;
mod fields;
mod flight;
mod moving;
mod request;

pub use canonical::Canonical;
pub use moving::moving_ref;
pub use request::{Exclude, Plugin, Replace, Request, host_arch, host_os};
