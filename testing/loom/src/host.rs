//! See the crate's page.

#[path = "../../../engine/src/host/fork.rs"]
pub(crate) mod fork;
