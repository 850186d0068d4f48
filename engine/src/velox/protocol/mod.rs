//! The build protocol, shared by the client and the build server: a request and its encodings (`request`), the grammar
//! of its texts, the platforms; `parse` makes a validated request of a caller's JSON, `configuration` borrows the parts
//! that make a key. Pure.

/// Path of the one call, a build.
pub const BUILD_PATH: &str = "/api.service.v1.BuildService/Build";

pub mod configuration;
pub mod grammar;
mod json_fields;
mod parse;
mod platform;
pub mod request;
