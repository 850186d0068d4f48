//! Names of a build configuration: its canonical JSON, its cache key and digest, and the references that may move.

pub(crate) mod canonical;
pub(crate) mod config_keys;
pub(crate) mod mutable_refs;
