//! DSNs that were found valid, by their hashes, so that a text is usually parsed once. PHP's threads.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
};

/// Slots of [`ValidDsns`].
const MAX_VALID_DSNS: usize = 16;

/// Hashes of valid DSNs; a later one replaces another of the same slot.
#[derive(Debug)]
pub(super) struct ValidDsns([AtomicU64; MAX_VALID_DSNS]);

impl Default for ValidDsns {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl ValidDsns {
    #[inline]
    pub(super) fn contains(&self, hash: u64) -> bool {
        let mut hashes = self.0.iter();
        hashes.any(|slot| slot.load(Ordering::Relaxed) == hash)
    }

    pub(super) fn insert(&self, hash: u64) {
        if let Some(slot) = self.0.get((hash >> 8) as usize % MAX_VALID_DSNS) {
            slot.store(hash, Ordering::Relaxed);
        }
    }
}
