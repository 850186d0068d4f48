//! The standing server from outside: real sockets, real files, and a fake Velox server that builds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

mod builds;
mod client;
mod dashboard;
mod downloads;
mod second_tier;
mod shutdown;
mod test_host;
mod tickets;
