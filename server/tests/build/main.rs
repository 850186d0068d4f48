//! The build server from outside: real HTTP, real processes, and a script in place of `go`, whose behaviour each test
//! sets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

mod builds;
mod cancellation;
mod failures;
mod grpc_client;
mod http;
mod queue;
mod rpc;
mod test_server;
