//! `pillion status` and `pillion top` as processes: a host with workers, pipes, and a terminal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are test code too"
)]

mod status;
mod test_host;
mod top;
