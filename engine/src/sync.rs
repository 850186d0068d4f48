//! The door through which the lock-free files get their atomics and locks. The model beside this crate
//! (`engine/model`) compiles the same files with loom's in their place, and goes through what threads
//! may see of each other. Any thread.

pub(crate) use std::{
    hint,
    sync::{Mutex, PoisonError, atomic},
};
