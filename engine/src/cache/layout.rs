//! Where the parts of a cache segment are, in words of eight bytes: header, classes, counters, owners, patterns, slabs,
//! tags, buckets, block words, and the slabs themselves. Everything follows from the segment's size, so processes that
//! open it agree. Pure functions; any thread.

/// Bytes of a granule, the unit of memory: a block is one or more of them.
pub(super) const GRANULE: usize = 128;
/// Granules of a slab: memory of one size class. A slab is 64 KB.
pub(super) const SLAB_GRANULES: usize = 512;
/// Bytes of a slab.
pub(super) const SLAB_BYTES: usize = SLAB_GRANULES * GRANULE;
/// Granules of a block, by size class: each about a quarter larger than the one before, where that wastes little of a
/// slab.
pub(super) const CLASSES: [usize; 19] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 42, 51, 64, 85, 102, 128,
];
/// Bytes of the largest block. A larger value is a list of blocks.
pub(super) const MAX_BLOCK: usize = 128 * GRANULE;

/// Bytes of the smallest segment.
pub const MIN_BYTES: usize = 1 << 20;
/// Bytes of the largest segment.
pub const MAX_BYTES: usize = 8 << 30;

/// Words of a bucket: its lock, and seven slots. One cache line.
pub(super) const BUCKET_WORDS: usize = 8;
/// Words of the line of a class, and of a stripe of counters: one cache line.
pub(super) const LINE_WORDS: usize = 8;
/// Stripes of the counters. A thread adds to one of them.
pub(super) const STRIPES: usize = 64;
/// Words of a stripe of counters.
pub(super) const STRIPE_WORDS: usize = 2 * LINE_WORDS;
/// Patterns of keys that are counted.
pub(super) const MAX_PATTERNS: usize = 64;
/// Stripes of the counters of a pattern, each of one cache line.
pub(super) const PATTERN_STRIPES: usize = 4;
/// Processes that may write at the same time. The number 0 is no process.
pub(super) const MAX_OWNERS: usize = 1024;

/// Words of the header, by position.
pub(super) mod header {
    /// [`super::super::segment::MAGIC`]; stored last when the segment is created.
    pub(crate) const MAGIC: usize = 0;
    /// Seed of the hash of keys, random.
    pub(crate) const SEED: usize = 1;
    /// When the segment was created, in milliseconds since 1970.
    pub(crate) const CREATED: usize = 2;
    /// The first slab that may be unused.
    pub(crate) const NEXT_SLAB: usize = 3;
    /// The slab at which the search for a slab to reassign goes on.
    pub(crate) const SLAB_HAND: usize = 4;
    /// Hash of the boot id: expiry times are times since boot.
    pub(crate) const BOOT: usize = 5;
    /// Number of the last acquired lock, for fencing.
    pub(crate) const FENCING: usize = 6;
    /// When all entries were removed last, in milliseconds since 1970; 0: never.
    pub(crate) const CLEARED: usize = 7;
    /// The process that counts all blocks; 0: none.
    pub(crate) const RECOUNTING: usize = 8;
    /// Whether a count of all blocks is due: see [`super::super::occupancy`].
    pub(crate) const RECOUNT_DUE: usize = 9;
    /// Words of the header.
    pub(crate) const WORDS: usize = 64;
}

/// The positions of a segment's parts, as word indices, and their sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) classes: usize,
    pub(super) counters: usize,
    pub(super) owners: usize,
    pub(super) patterns: usize,
    pub(super) slabs: usize,
    pub(super) slab_count: usize,
    pub(super) tags: usize,
    pub(super) tag_count: usize,
    pub(super) buckets: usize,
    pub(super) bucket_count: usize,
    pub(super) blocks: usize,
    /// Byte offset of the first slab.
    pub(super) data: usize,
    /// Words of the segment.
    pub(super) words: usize,
}

impl Layout {
    /// The layout of a segment of so many bytes, of which as many slabs as fit are used.
    pub(super) fn of(bytes: usize) -> Self {
        let mut slab_count = bytes / SLAB_BYTES;
        loop {
            let layout = Self::with_slabs(slab_count, bytes);
            if slab_count == 0 || layout.data + slab_count * SLAB_BYTES <= bytes {
                return layout;
            }
            slab_count -= 1;
        }
    }

    fn with_slabs(slab_count: usize, bytes: usize) -> Self {
        let classes = header::WORDS;
        let counters = classes + CLASSES.len() * LINE_WORDS;
        let owners = counters + STRIPES * STRIPE_WORDS;
        let patterns = owners + MAX_OWNERS;
        let slabs = patterns + MAX_PATTERNS * (1 + PATTERN_STRIPES * LINE_WORDS);
        let tags = slabs + slab_count.next_multiple_of(LINE_WORDS);
        let tag_count = (slab_count * 64).max(1 << 12).next_power_of_two();
        let buckets = tags + tag_count;
        // More slots than granules, so that a full segment of the smallest blocks finds a place for nearly all keys.
        let bucket_count = (slab_count * SLAB_GRANULES).div_ceil(6).max(1);
        let blocks = buckets + bucket_count * BUCKET_WORDS;
        let end = (blocks + slab_count * SLAB_GRANULES) * 8;
        Self {
            classes,
            counters,
            owners,
            patterns,
            slabs,
            slab_count,
            tags,
            tag_count,
            buckets,
            bucket_count,
            blocks,
            data: end.next_multiple_of(4096),
            words: bytes / 8,
        }
    }

    /// Bytes of the largest value: a third of the memory, so that one value does not evict all others.
    pub(super) fn max_value(&self) -> usize {
        (self.slab_count * SLAB_BYTES / 3).min(super::MAX_VALUE)
    }

    /// Granules of all slabs.
    pub(super) const fn granules(&self) -> usize {
        self.slab_count * SLAB_GRANULES
    }
}

/// The smallest class with blocks of at least so many bytes, or `None` if none is as large.
#[inline]
pub(super) fn class_for(bytes: usize) -> Option<usize> {
    let granules = bytes.div_ceil(GRANULE).max(1);
    CLASSES.iter().position(|class| *class >= granules)
}

/// Granules of a block of the class.
#[inline]
pub(super) fn class_granules(class: usize) -> usize {
    CLASSES.get(class).copied().unwrap_or(SLAB_GRANULES)
}

/// Blocks of a slab of the class.
#[inline]
pub(super) fn class_blocks(class: usize) -> usize {
    SLAB_GRANULES / class_granules(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_into_segments_of_all_sizes() {
        for bytes in [MIN_BYTES, 3 << 20, 32 << 20, 1 << 30, MAX_BYTES] {
            let layout = Layout::of(bytes);
            assert!(layout.data + layout.slab_count * SLAB_BYTES <= bytes);
            assert!(
                layout.slab_count * SLAB_BYTES * 100 >= bytes * 80,
                "{bytes}"
            );
            assert!(layout.buckets.is_multiple_of(LINE_WORDS));
            assert!(layout.granules() < 1 << 26);
            assert!(layout.bucket_count * BUCKET_WORDS < 1 << 28);
        }
    }

    #[test]
    fn class_of_a_size_is_the_smallest_that_fits() {
        assert_eq!(class_for(0), Some(0));
        assert_eq!(class_for(GRANULE), Some(0));
        assert_eq!(class_for(GRANULE + 1), Some(1));
        assert_eq!(class_for(MAX_BLOCK), Some(CLASSES.len() - 1));
        assert_eq!(class_for(MAX_BLOCK + 1), None);
    }
}
