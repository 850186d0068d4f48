//! The door through which the lock-free files get their atomics and locks. The model beside this crate
//! (`testing/loom`) compiles the same files with loom's in their place, and goes through what threads
//! may see of each other. Any thread.

pub(crate) use std::{
    hint,
    sync::{Mutex, PoisonError, atomic},
};

/// Stands between two accesses that all threads have to see in one order. Both are `SeqCst`, which is all
/// that a processor needs to be told; the model's loom needs this.
#[inline(always)]
pub(crate) const fn in_one_order() {}
