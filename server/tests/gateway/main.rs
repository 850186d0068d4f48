//! The gateway from outside: real sockets and real files.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

mod client;
mod faults;
mod gateway;
mod other_clients;
mod trust;
mod velocity;
mod writers;
