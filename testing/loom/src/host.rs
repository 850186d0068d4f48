//! The fork handler of a child, compiled from the engine's file.

#[path = "../../../engine/src/host/fork.rs"]
pub(crate) mod fork;
