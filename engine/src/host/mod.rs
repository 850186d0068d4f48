//! What the processes of one host share: directories, locks, presence, the steward's duties and one
//! secret. Unrelated processes meet here, so nothing in this room may trust that its peer still lives.
//!
//! `run_dir` (on tmpfs): `presence/`, `steward.lock`, segments. `state_dir` (outlives a restart of
//! the service): `secret`, and what other rooms keep.

pub mod clock;
pub mod dirs;
pub mod files;
pub mod fork;
pub mod fork_descriptors;
pub mod leader;
pub mod lock;
pub mod presence;
pub mod secret;

pub use dirs::{DirOptions, Dirs};
pub use presence::{Presence, PresenceInfo};
