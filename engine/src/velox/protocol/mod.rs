//! The build protocol: a request's fields, their grammar, and the platforms. Pure and self-contained, so that the
//! client and the build server can share it.

/// Path of the one call, a build.
pub const BUILD_PATH: &str = "/api.service.v1.BuildService/Build";

pub mod grammar;
mod json_fields;
mod parse;
mod platform;
pub mod request;
