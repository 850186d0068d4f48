//! Re-exports the atomics and locks of the lock-free modules. `testing/loom` compiles the same files with loom's types
//! in their place and explores the possible interleavings. Any thread.

pub(crate) use std::{
    hint,
    sync::{Mutex, PoisonError, atomic},
};

/// Marks two `SeqCst` accesses that all threads must see in one order. The accesses suffice for the processor; loom
/// needs this call.
#[inline(always)]
pub(crate) const fn in_one_order() {}
