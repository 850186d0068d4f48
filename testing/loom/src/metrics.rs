//! See the crate's page.

#[path = "../../../engine/src/metrics/cell.rs"]
mod cell;
pub mod scenes;
