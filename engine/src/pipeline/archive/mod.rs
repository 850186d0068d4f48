//! The outputs of a task as one file: a tar archive in one zstd frame. The same files make the same bytes: sorted, with
//! no owner and no times. An archive may come from a machine that is not trusted, so only the form that [`pack()`]
//! writes is read, and it changes no file before all of it was checked. Blocking threads.
//!
//! # Format
//!
//! POSIX ustar, with records of pax for long paths and large files. Files, directories and symbolic links with their
//! nine permission bits; hard links are files of their own; owners, times, extended attributes and holes are left out.
//! Paths ascend, a directory before its content, and none occurs twice. The output of the command may come before, in a
//! skippable frame of zstd.
//!
//! # Layout
//!
//! * `header`: one block of tar; `records` of pax. `entry`: a path, a link's target, their rules.
//! * `pack`: walks the outputs. `reader`: the checked entries of an archive. `restore`: creates them.
//! * `log`: the output of the command. `directory`: files relative to an open directory, no link followed.

mod directory;
mod entry;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod header;
mod log;
mod pack;
mod reader;
mod records;
mod restore;
#[cfg(test)]
mod tests;

pub use log::{MAX_LOG, read_log, write_log};
pub use pack::{Packed, pack};
pub use reader::Limits;
pub use restore::{Restored, restore, restore_only};
