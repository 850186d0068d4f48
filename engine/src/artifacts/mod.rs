//! Built binaries on disk, and the mmap'd index that finds them in nanoseconds from every process
//! of the host. The disk is the truth; the index is its shadow and can be rebuilt from it. When the
//! two disagree, or anything is broken, the answer is a miss and a line in the log, never a wrong
//! binary.
//!
//! # Layout
//!
//! * `key`, `record`, `clock`, `rfc3339`: plain values.
//! * `disk`, `folder`, `temp`, `entry`: the files, step by step from open directories.
//! * `index`: the table in shared memory.
//! * `store`: the door; `staging` and `copy` on the way in, `commit`, `evict` and `room` in and out.
//! * `settle`, `scan` and `changes` keep the index true, `clean` and `strays` the disk; `export` and `import` speak to the
//!   Velox plugin's `index.json`; `stats` answers questions.

mod changes;
mod clean;
mod clock;
mod commit;
mod copy;
mod disk;
mod entry;
mod evict;
mod export;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
mod folder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod import;
mod index;
mod key;
mod names;
mod options;
mod put;
mod record;
mod rfc3339;
mod room;
mod scan;
mod settle;
mod staging;
mod stats;
mod store;
mod strays;
mod temp;
#[cfg(test)]
mod tests;

pub use clean::CleanReport;
pub use clock::Clock;
pub use commit::CommitMeta;
pub use entry::{BadEntry, Entry, parse_entry};
pub use key::{BadKey, ConfigDigest, Key};
pub use options::StoreOptions;
pub use put::Put;
pub use record::Record;
pub use room::{Room, is_full};
pub use staging::Staging;
pub use stats::Stats;
pub use store::Store;
