//! Completions and the process cell, compiled from the engine's files. The notifier is the real one: its socket pair is
//! outside the memory model, and loom's threads use it in turn.

#[path = "../../../engine/src/runtime/completions.rs"]
mod completions;
pub mod completions_scenes;
#[path = "../../../engine/src/runtime/notifier.rs"]
mod notifier;
#[path = "../../../engine/src/runtime/process_cell.rs"]
mod process_cell;
pub mod process_cell_scenes;
