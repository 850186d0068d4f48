//! See the crate's page.

#[path = "../../src/metrics/cell.rs"]
mod cell;
pub mod scenes;
