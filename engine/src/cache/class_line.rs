//! Words of the line that a size class has in the segment. Any thread.

/// Head of the free list: the block plus one, and a count of changes above it.
pub(super) const FREE: usize = 0;
/// Clock hand: a slab, and a block in it.
pub(super) const HAND: usize = 1;
/// Number of slabs.
pub(super) const SLABS: usize = 2;
/// Number of evicted entries.
pub(super) const EVICTIONS: usize = 3;
/// Age of the last evicted entry, in milliseconds.
pub(super) const AGE: usize = 4;
