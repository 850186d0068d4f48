//! `pillion doctor` as a process, on hosts that are really broken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

mod directories;
mod installations;
mod servers;
mod settings;
mod test_host;
