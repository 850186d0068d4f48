//! Binaries between this host and the others of a fleet, through a gateway of remote artifacts.
//!
//! # Layout
//!
//! * `transfer`: the gateway of this process: downloads and uploads, checked and counted.
//! * `builds`: the gateway as builds see it. `calls`: the jobs of PHP, and the status.

mod builds;
mod calls;
mod transfer;

pub(super) use transfer::Remote;
