//! State that the processes of one host share: directories, locks, presence, leadership and one secret. The processes
//! are unrelated, so no code here may assume that another one is still alive.
//!
//! `run_dir` (on tmpfs): `presence/`, `leader.lock`, `serve.lock`, segments. `state_dir` (outlives a restart of the
//! service): `secret`, and the files of other modules.

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
