//! The build server from outside: real HTTP, real processes, and a `go` that is a script, which does
//! what a test tells it. What the real Go makes of the module is looked at where there is one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what the tests share is test code too"
)]

mod bench;
mod builds;
mod failures;
mod http;
mod queue;
mod rpc;
mod stops;
