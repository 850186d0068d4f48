//! The client of a gateway: negotiates, and transfers artifacts from and to files, each compared with its SHA-256 and
//! its size. A gateway that has failed is not asked again for a while, so that it costs its callers one timeout and not
//! one for each artifact. Runs on the runtime; files are read and written on blocking threads.
//!
//! # Layout
//!
//! * `core`: the client, its limits, and the calls that its breakers admit. `breaker`: the pause after a failure.
//! * `http`: one request, its deadlines, redirections and statuses.
//! * `negotiate`, `download`, `upload`: the three calls.

mod breaker;
mod core;
mod download;
mod http;
mod negotiate;
#[cfg(test)]
mod tests;
mod upload;

pub use core::{Client, ClientOptions};
pub use download::Downloaded;
pub use upload::Uploaded;
