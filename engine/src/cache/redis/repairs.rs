//! Keys with a removal or a store that did not reach the second tier, which may have an older value: they are removed
//! there as soon as it answers again, and not read before. Bounded: beyond that, and when the process ends, such a
//! value stays until it expires. Any thread.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Keys that are remembered.
const MAX_KEYS: usize = 10_000;
/// Keys that are removed by one command.
const BATCH: usize = 500;

/// The keys.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    keys: Mutex<HashSet<Vec<u8>>>,
    count: AtomicUsize,
    pub(super) is_running: AtomicBool,
}

impl Repairs {
    /// Whether there are keys.
    pub(super) fn is_pending(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Whether the key is not to be read.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.is_pending() && self.lock().contains(key)
    }

    /// Adds keys.
    pub(super) fn add(&self, new: impl IntoIterator<Item = Vec<u8>>) {
        let mut keys = self.lock();
        for key in new {
            if keys.len() < MAX_KEYS {
                keys.insert(key);
            }
        }
        self.count.store(keys.len(), Ordering::Relaxed);
    }

    /// A key has reached the second tier.
    pub(super) fn forget(&self, key: &[u8]) {
        if self.is_pending() {
            let mut keys = self.lock();
            keys.remove(key);
            self.count.store(keys.len(), Ordering::Relaxed);
        }
    }

    /// The keys of the next command.
    pub(super) fn batch(&self) -> Vec<Vec<u8>> {
        self.lock().iter().take(BATCH).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
