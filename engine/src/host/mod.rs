//! What the processes of one host share: directories, locks, presence, the steward's duties.
//! Unrelated processes meet here, so nothing in this room may trust that its peer still lives.

pub mod fork;
pub mod lock;
