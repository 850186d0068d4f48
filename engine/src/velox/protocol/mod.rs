//! A build request: its fields, its grammar, and the platform it is for.

pub(crate) mod grammar;
pub(crate) mod json_fields;
pub(crate) mod platform;
pub(crate) mod request;
