//! Words of shared files are little-endian on every processor. Pure functions; any thread.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Loads a word of a file in the processor's byte order.
#[inline]
pub(crate) fn load(word: &AtomicU64, order: Ordering) -> u64 {
    u64::from_le(word.load(order))
}

/// Stores a word in the file's byte order.
#[inline]
pub(crate) fn store(word: &AtomicU64, value: u64, order: Ordering) {
    word.store(value.to_le(), order);
}
