//! See the crate's page. The notifier is the real one: its socket pair is no matter of the memory model, and
//! loom's threads take turns around it.

#[path = "../../src/runtime/inbox.rs"]
mod inbox;
pub mod inbox_scenes;
#[path = "../../src/runtime/notifier.rs"]
mod notifier;
#[path = "../../src/runtime/slot.rs"]
mod slot;
pub mod slot_scenes;
