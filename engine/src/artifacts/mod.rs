//! Built binaries on disk, and the mmap'd index that finds them in nanoseconds from every process of the host. The disk
//! is the truth; the index can be rebuilt from it. When the two disagree, or anything is broken, the result is a miss
//! and a line in the log, never a wrong binary.
//!
//! # Layout
//!
//! * `key`, `record`, `clock`: plain values.
//! * `layout`, `dir_fd`, `file_names`, `metadata`: the files, opened step by step from directory descriptors.
//! * `index`: the table in shared memory.
//! * `store`: the entry point; `read`: of files; `options`, `stats`, `recent_commits`.
//! * `commit`: a binary on its way in: `staging`, `copy`, `temp_file`, `put`.
//! * `cleanup`: expiry, `evict`, `disk_space`, `orphans`.
//! * `reindex`: makes the index agree with the disk, by key or by `scan`; `journal` lists changes of other processes.
//! * `plugin_compat`: `export` and `import` of the Velox plugin's `index.json`.

mod artifact;
mod cleanup;
mod clock;
mod commit;
mod dir_fd;
mod file_names;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod journal;
mod key;
mod layout;
mod metadata;
mod options;
pub(crate) mod plugin_compat;
mod read;
mod recent_commits;
mod record;
mod reindex;
mod stats;
mod store;
#[cfg(test)]
mod tests;

pub use artifact::{Artifact, CacheStatus, Location, TemporaryBinary};
pub use cleanup::CleanReport;
pub use cleanup::disk_space::{EvictScope, is_full};
pub use clock::Clock;
pub use commit::CommitMeta;
pub use commit::put::Put;
pub use commit::staging::Staging;
pub(crate) use key::hex;
pub use key::{ConfigDigest, InvalidKey, Key};
pub use metadata::{MetadataError, MetadataFile, parse_metadata};
pub use options::StoreOptions;
pub use record::IndexRecord;
pub use stats::Stats;
pub use store::Store;
