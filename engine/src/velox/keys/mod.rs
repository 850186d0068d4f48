//! The keys of a build configuration: its `canonical` JSON, the cache key and digest made of it (`config_keys`), the
//! lookup by them (`explain`), and references that may change (`mutable_refs`).

pub(super) mod canonical;
pub(super) mod config_keys;
pub(super) mod explain;
pub(super) mod mutable_refs;
