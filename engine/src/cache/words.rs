//! The three kinds of words that processes change by compare-and-swap: the slot of a bucket, the state of a block, the
//! state of a slab. Each has a version that grows with every change, so that a process that was stopped between its
//! load and its swap fails. Pure functions; any thread.

/// A slot of a bucket: the block of an entry, twelve bits of its hash, a version, and how often it was read lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotWord(pub(super) u64);

const BLOCK_BITS: u32 = 26;
const TAG_BITS: u32 = 12;
const VERSION_BITS: u32 = 24;
const BLOCK_MASK: u64 = (1 << BLOCK_BITS) - 1;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;
const VERSION_MASK: u64 = (1 << VERSION_BITS) - 1;
const VERSION_SHIFT: u32 = BLOCK_BITS + TAG_BITS;

/// One read, as added to a slot. A carry out of the two bits leaves the word.
pub(super) const READ: u64 = 1 << (VERSION_SHIFT + VERSION_BITS);
/// Reads of a slot beyond this number are not counted.
pub(super) const MAX_READ_MARKS: u64 = 3;
/// All bits but the reads.
const IDENTITY: u64 = READ - 1;

impl SlotWord {
    /// The tag of a hash.
    #[inline]
    pub(super) const fn tag_of(hash: u64) -> u64 {
        hash & TAG_MASK
    }

    /// The word that refers to `block` after this one. The entry counts as not read.
    pub(super) const fn next(self, block: usize, hash: u64) -> Self {
        Self(
            (block as u64 + 1) & BLOCK_MASK
                | Self::tag_of(hash) << BLOCK_BITS
                | self.next_version() << VERSION_SHIFT,
        )
    }

    /// The empty word after this one.
    pub(super) const fn emptied(self) -> Self {
        Self(self.next_version() << VERSION_SHIFT)
    }

    /// The same content in a new version.
    pub(super) const fn touched(self) -> Self {
        Self(self.0 & !(VERSION_MASK << VERSION_SHIFT) | self.next_version() << VERSION_SHIFT)
    }

    const fn next_version(self) -> u64 {
        ((self.0 >> VERSION_SHIFT) + 1) & VERSION_MASK
    }

    /// The block, as the number of its first granule; `None` for an empty slot.
    #[inline]
    pub(super) const fn block(self) -> Option<usize> {
        match self.0 & BLOCK_MASK {
            0 => None,
            block => Some(block as usize - 1),
        }
    }

    /// Whether the slot refers to a block and has the tag of `hash`.
    #[inline]
    pub(super) const fn matches(self, hash: u64) -> bool {
        self.0 & BLOCK_MASK != 0 && (self.0 >> BLOCK_BITS) & TAG_MASK == Self::tag_of(hash)
    }

    /// Reads counted since the clock hand has passed, at most 3.
    #[inline]
    pub(super) const fn reads(self) -> u64 {
        self.0 >> (VERSION_SHIFT + VERSION_BITS)
    }

    /// Whether both are the same version of the same entry, however often it was read.
    #[inline]
    pub(super) const fn is_same(self, other: Self) -> bool {
        (self.0 ^ other.0) & IDENTITY == 0
    }
}

/// The state of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockState {
    /// No block begins at this granule.
    Interior,
    /// Unused.
    Free,
    /// An owner fills it.
    Reserved,
    /// The first block of the entry of its slot.
    First,
    /// A further block of the entry of its slot.
    Part,
}

/// The word of a block: state, owner, version, and a link: the entry's slot, or the next block of the free list plus
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockWord(pub(super) u64);

const LINK_BITS: u32 = 28;
const OWNER_BITS: u32 = 10;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
const OWNER_MASK: u64 = (1 << OWNER_BITS) - 1;
const STATE_SHIFT: u32 = 61;
const BLOCK_VERSION_SHIFT: u32 = LINK_BITS + OWNER_BITS;
const BLOCK_VERSION_MASK: u64 = (1 << (STATE_SHIFT - BLOCK_VERSION_SHIFT)) - 1;

impl BlockWord {
    /// The word after this one.
    pub(super) const fn next(self, state: BlockState, owner: usize, link: usize) -> Self {
        let state = match state {
            BlockState::Interior => 0u64,
            BlockState::Free => 1,
            BlockState::Reserved => 2,
            BlockState::First => 3,
            BlockState::Part => 4,
        };
        let version = ((self.0 >> BLOCK_VERSION_SHIFT) + 1) & BLOCK_VERSION_MASK;
        Self(
            link as u64 & LINK_MASK
                | (owner as u64 & OWNER_MASK) << LINK_BITS
                | version << BLOCK_VERSION_SHIFT
                | state << STATE_SHIFT,
        )
    }

    /// The state.
    pub(super) const fn state(self) -> BlockState {
        match self.0 >> STATE_SHIFT {
            1 => BlockState::Free,
            2 => BlockState::Reserved,
            3 => BlockState::First,
            4 => BlockState::Part,
            _ => BlockState::Interior,
        }
    }

    /// The owner of a reserved block.
    pub(super) const fn owner(self) -> usize {
        ((self.0 >> LINK_BITS) & OWNER_MASK) as usize
    }

    /// The slot, or the link of the free list.
    pub(super) const fn link(self) -> usize {
        (self.0 & LINK_MASK) as usize
    }
}

/// The word of a slab: its size class, and the owner that changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlabWord(pub(super) u64);

const CLASS_BITS: u32 = 8;
const CLASS_MASK: u64 = (1 << CLASS_BITS) - 1;
const SLAB_VERSION_SHIFT: u32 = CLASS_BITS + OWNER_BITS;

impl SlabWord {
    /// The word after this one, of a slab in use.
    pub(super) const fn assigned(self, class: usize) -> Self {
        self.changing(class, 0)
    }

    /// The word after this one, of a slab that `owner` changes.
    pub(super) const fn changing(self, class: usize, owner: usize) -> Self {
        let version = (self.0 >> SLAB_VERSION_SHIFT).wrapping_add(1);
        Self(
            (class as u64 + 1) & CLASS_MASK
                | (owner as u64 & OWNER_MASK) << CLASS_BITS
                | version << SLAB_VERSION_SHIFT,
        )
    }

    /// The class; `None` for a slab that was never used.
    pub(super) const fn class(self) -> Option<usize> {
        match self.0 & CLASS_MASK {
            0 => None,
            class => Some(class as usize - 1),
        }
    }

    /// The owner that changes it; 0: none.
    pub(super) const fn owner(self) -> usize {
        ((self.0 >> CLASS_BITS) & OWNER_MASK) as usize
    }

    /// Whether it has blocks of the class, and no owner changes it.
    pub(super) fn serves(self, class: usize) -> bool {
        self.class() == Some(class) && self.owner() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_keeps_block_and_tag_and_changes_its_version() {
        let first = SlotWord(0).next(0, 0xabc);
        assert_eq!(first.block(), Some(0));
        assert!(first.matches(0xf_fabc) && !first.matches(0xabd));
        let second = first.emptied().next(0, 0xabc);
        assert!(!first.is_same(second) && second.block() == Some(0));
        assert_eq!(second.touched().block(), Some(0));
        assert!(!second.is_same(second.touched()));
        assert_eq!(SlotWord(0).block(), None);
    }

    #[test]
    fn fourth_read_of_a_slot_leaves_its_identity_alone() {
        let mut slot = SlotWord(0).next(7, 7);
        for _ in 0..5 {
            let read = SlotWord(slot.0.wrapping_add(READ));
            assert!(read.is_same(slot));
            slot = read;
        }
        assert_eq!(slot.reads(), 1);
    }

    #[test]
    fn version_wraps_within_its_bits() {
        let mut slot = SlotWord(u64::MAX);
        slot = slot.next(3, 5);
        assert_eq!((slot.block(), slot.reads()), (Some(3), 0));
        let block = BlockWord(u64::MAX).next(BlockState::Reserved, 1023, 9);
        assert_eq!(
            (block.state(), block.owner(), block.link()),
            (BlockState::Reserved, 1023, 9)
        );
    }
}
