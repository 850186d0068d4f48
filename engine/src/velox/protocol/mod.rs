//! The build protocol: a request's fields, their grammar, and the platforms. Pure and self-contained, so that the
//! client and the build server can share it.

pub mod grammar;
mod json_fields;
mod parse;
pub mod platform;
pub mod request;
