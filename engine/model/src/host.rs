//! See the crate's page.

#[path = "../../src/host/fork.rs"]
pub(crate) mod fork;
