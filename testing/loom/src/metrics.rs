//! The cell of a metric, compiled from the engine's file.

#[path = "../../../engine/src/metrics/cell.rs"]
mod cell;
pub mod scenes;
