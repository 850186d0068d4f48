//! The engine's lock-free files, compiled with loom's atomics, and the scenes that `tests/` runs with them. loom
//! explores every order of the threads, and every older value that a load may return under the memory model; most of
//! them never occur on a real machine (x86 has none of the reorderings that a missing `Release` allows). Threads
//! represent processes: for memory that is mapped twice there is no difference.
//!
//! * `seqlock`: words with one writer, and readers that never wait.
//! * `owner_slots`: slots that processes claim, and free if their owner has died.
//! * `index`: the table of artifacts: groups, counts, the position in the journal.
//! * `process_cell`: the pointer to the state of a process.
//! * `completions`: finished jobs of a PHP thread, and its notifier, which must not miss one.
//! * `counters`: blocks of words that processes get by name.
//! * `cell`: a number that threads add to, and that moves to another place.
//! * `cache`: entries of the shared cache: a read beside a removal, the free list, the lock of a bucket.
//! * `outbox`: records that threads append to a file while others take, drop and seal; when its mapping may be freed.

#![allow(
    dead_code,
    missing_docs,
    unexpected_cfgs,
    unreachable_pub,
    unused_imports,
    reason = "the engine's files are whole, the scenes use parts of them"
)]

mod artifacts;
mod cache;
#[path = "../../../engine/src/descriptors.rs"]
mod descriptors;
#[path = "../../../engine/src/failpoint/mod.rs"]
mod failpoint;
mod host;
mod metrics;
mod runtime;
mod sentry;
mod shm;
mod sync;

pub use artifacts::index::scenes::*;
pub use cache::scenes::*;
pub use metrics::scenes::*;
pub use runtime::{completions_scenes::*, process_cell_scenes::*};
pub use sentry::outbox::scenes::*;
pub use shm::{counters_scenes::*, owner_slots_scenes::*, seqlock_scenes::*};
