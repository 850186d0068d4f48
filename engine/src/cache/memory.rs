//! The mapped segment with typed access to its parts. A position beyond a part reads as a word that no one uses, so
//! that a damaged segment is never read out of bounds. Any thread.

use super::{
    layout::{
        BUCKET_WORDS, GRANULE, LINE_WORDS, Layout, SLAB_GRANULES, STRIPE_WORDS, STRIPES,
        class_blocks, class_granules,
    },
    words::{self, BlockWord, SlabWord, SlotWord},
};
use crate::{
    shm::Segment,
    sync::atomic::{AtomicU64, Ordering},
};

/// Stands in for a word beyond the end.
static OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// The segment and its layout.
#[derive(Debug)]
pub(super) struct Memory {
    segment: Segment,
    pub(super) layout: Layout,
}

impl Memory {
    pub(super) fn new(segment: Segment) -> Self {
        let layout = Layout::of(segment.bytes());
        Self { segment, layout }
    }

    /// Size of the segment in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.segment.bytes()
    }

    /// The segment.
    pub(super) const fn segment(&self) -> &Segment {
        &self.segment
    }

    /// A word by its position.
    #[inline]
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        self.segment.word(index).unwrap_or(&OUTSIDE)
    }

    /// A word of a class's line.
    pub(super) fn class_word(&self, class: usize, word: usize) -> &AtomicU64 {
        self.word(self.layout.classes + class * LINE_WORDS + word)
    }

    /// A counter in a stripe.
    #[inline]
    pub(super) fn counter(&self, stripe: usize, counter: usize) -> &AtomicU64 {
        self.word(self.layout.counters + (stripe % STRIPES) * STRIPE_WORDS + counter)
    }

    /// The lock of a bucket.
    #[inline]
    pub(super) fn bucket_lock(&self, bucket: usize) -> &AtomicU64 {
        self.word(self.layout.buckets + bucket * BUCKET_WORDS)
    }

    /// A slot by its number.
    #[inline]
    pub(super) fn slot(&self, slot: usize) -> &AtomicU64 {
        self.word(self.layout.buckets + slot)
    }

    /// Loads a slot.
    #[inline]
    pub(super) fn load_slot(&self, slot: usize) -> SlotWord {
        SlotWord(self.slot(slot).load(Ordering::Acquire))
    }

    /// Counts a read of a slot.
    #[inline]
    pub(super) fn add_read(&self, slot: usize) {
        self.slot(slot).fetch_add(words::READ, Ordering::Relaxed);
    }

    /// Replaces `old` by `new` in a slot. Reads that are counted meanwhile don't matter; any other change makes it
    /// fail.
    pub(super) fn swap_slot(&self, slot: usize, old: SlotWord, new: SlotWord) -> bool {
        let word = self.slot(slot);
        let mut expected = old.0;
        loop {
            match word.compare_exchange(expected, new.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(found) if SlotWord(found).is_same(old) => expected = found,
                Err(_) => return false,
            }
        }
    }

    /// The word of the block that begins at `granule`.
    #[inline]
    pub(super) fn block(&self, granule: usize) -> &AtomicU64 {
        if granule < self.layout.granules() {
            self.word(self.layout.blocks + granule)
        } else {
            &OUTSIDE
        }
    }

    /// Loads the word of a block.
    #[inline]
    pub(super) fn load_block(&self, granule: usize) -> BlockWord {
        BlockWord(self.block(granule).load(Ordering::Acquire))
    }

    /// Replaces the word of a block, if it is still `old`.
    pub(super) fn swap_block(&self, granule: usize, old: BlockWord, new: BlockWord) -> bool {
        self.block(granule)
            .compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Loads the word of a slab.
    #[inline]
    pub(super) fn load_slab(&self, slab: usize) -> SlabWord {
        if slab < self.layout.slab_count {
            SlabWord(self.word(self.layout.slabs + slab).load(Ordering::Acquire))
        } else {
            SlabWord(0)
        }
    }

    /// Replaces the word of a slab, if it is still `old`.
    pub(super) fn swap_slab(&self, slab: usize, old: SlabWord, new: SlabWord) -> bool {
        slab < self.layout.slab_count
            && self
                .word(self.layout.slabs + slab)
                .compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// The first granules of the blocks of a slab.
    pub(super) fn slab_blocks(slab: usize, class: usize) -> impl Iterator<Item = usize> {
        (0..class_blocks(class))
            .map(move |block| slab * SLAB_GRANULES + block * class_granules(class))
    }

    /// The word of a tag.
    pub(super) fn tag(&self, tag: usize) -> &AtomicU64 {
        self.word(self.layout.tags + (tag & (self.layout.tag_count - 1)))
    }

    /// Whether a tag with its version, as entries have it, was not invalidated since.
    #[inline]
    pub(super) fn is_current_tag(&self, stored: u64) -> bool {
        let current = self.tag((stored >> 32) as usize).load(Ordering::Acquire);
        stored as u32 == current as u32
    }

    /// A word of a block's content.
    #[inline]
    pub(super) fn content(&self, granule: usize, word: usize) -> &AtomicU64 {
        self.word((self.layout.data + granule * GRANULE) / 8 + word)
    }

    /// The position of so many content bytes, if they are within the slabs.
    #[inline]
    fn content_start(&self, granule: usize, offset: usize, bytes: usize) -> Option<*mut u8> {
        let start = self.layout.data + granule * GRANULE + offset;
        // SAFETY: within the mapping by the check.
        (start + bytes <= self.bytes()).then(|| unsafe { self.segment.base().as_ptr().add(start) })
    }

    /// Copies content of a block to `target`, which has `bytes`; zeros in the stead of content that would lie beyond a
    /// damaged segment, so that `target` is never left as it was. Other processes may change the content meanwhile: the
    /// caller checks the slot afterwards, and uses the copy only if it is unchanged.
    ///
    /// # Safety
    /// `target` is valid for `bytes`.
    #[inline]
    pub(super) unsafe fn copy_out(
        &self,
        granule: usize,
        offset: usize,
        target: *mut u8,
        bytes: usize,
    ) {
        let Some(source) = self.content_start(granule, offset, bytes) else {
            // SAFETY: by the contract.
            unsafe { std::ptr::write_bytes(target, 0, bytes) };
            return;
        };
        // SAFETY: both are valid for that length, and memory of a segment is none of Rust's objects. A store of another
        // process or thread may be seen in part; bytes have no invalid values.
        unsafe { std::ptr::copy_nonoverlapping(source, target, bytes) };
    }

    /// Copies `bytes` into the content of a block that the caller has reserved.
    #[inline]
    pub(super) fn copy_in(&self, granule: usize, offset: usize, bytes: &[u8]) {
        let Some(target) = self.content_start(granule, offset, bytes.len()) else {
            return;
        };
        // SAFETY: within the mapping; the block is reserved for this thread. A late reader of the block's former entry
        // may see part of it, and discards what it has copied.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Whether the content equals `bytes`. Means something only if the slot is unchanged afterwards.
    #[inline]
    pub(super) fn content_equals(&self, granule: usize, offset: usize, bytes: &[u8]) -> bool {
        let Some(source) = self.content_start(granule, offset, bytes.len()) else {
            return false;
        };
        // SAFETY: as in `copy_out`; bytes have no invalid values.
        unsafe { std::slice::from_raw_parts(source, bytes.len()) == bytes }
    }
}
