//! The content of an entry: a head of four words, its tags, perhaps one more word, the list of further blocks, the key,
//! and the value or its rest. A reader may find any bytes here, because the block may get another entry meanwhile: it
//! bounds the sizes that it reads, and believes nothing before it has checked the slot again. Any thread.

use std::sync::atomic::Ordering;

use super::{
    layout::{MAX_BLOCK, class_for, class_granules},
    memory::Memory,
    production::Production,
};

/// Bytes of the longest key.
pub const MAX_KEY: usize = 1 << 16;
/// Bytes of the largest value.
pub const MAX_VALUE: usize = 8 << 20;
/// Tags of an entry at most.
pub const MAX_TAGS: usize = 8;
/// Tags with the one of the second tier.
pub(super) const MAX_TAG_WORDS: usize = MAX_TAGS + 1;

/// Words of the head.
pub(super) const HEAD_WORDS: usize = 4;
/// Bytes of a further block. Values with such blocks have all but their last ones full.
pub(super) const PART_BYTES: usize = MAX_BLOCK;
pub(super) const MAX_PARTS: usize = (MAX_VALUE + MAX_KEY).div_ceil(PART_BYTES) + 1;

/// Set where the value lies in further blocks.
pub(super) const FLAG_PARTS: u64 = 1;
/// Set for a value of another space than [`Space::Values`].
pub(super) const FLAG_APCU: u64 = 2;
/// Set for a lock.
pub(super) const FLAG_LOCK: u64 = 4;
/// Set where a word follows the tags: how a value was produced, or the holder of the right to produce it.
pub(super) const FLAG_EXTRA: u64 = 8;

/// The bit of [`FLAG_EXTRA`] in the word of sizes, above the bytes of the value; the other flags are together.
const EXTRA_SHIFT: u32 = 31;

/// The kind of an entry. Keys of different kinds are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Kind {
    /// A value.
    Value = 0,
    /// A value of the space [`Space::Apcu`].
    Apcu = 0xd1b5_4a32_d192_ed03,
    /// A named lock, which is not evicted before it expires.
    Lock = 0x9e37_79b9_7f4a_7c15,
    /// The right to produce the value of the key; not evicted before it expires.
    Producer = 0xc2b2_ae3d_27d4_eb4f,
}

/// A set of keys with values of their own: the same key may have one in each. They share the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Space {
    /// The values of `Pillion\Cache`.
    #[default]
    Values,
    /// The values of PHP's functions `apcu_*`.
    Apcu,
}

impl Space {
    #[inline]
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Values => Kind::Value,
            Self::Apcu => Kind::Apcu,
        }
    }
}

/// The key of a lookup with its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashedKey<'a> {
    pub(super) kind: Kind,
    pub(super) hash: u64,
    pub(super) bytes: &'a [u8],
}

/// How a value is encoded; the cache doesn't interpret it.
pub type Encoding = u8;

/// The head of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) hash: u64,
    pub(super) key_bytes: usize,
    pub(super) value_bytes: usize,
    pub(super) encoding: Encoding,
    pub(super) tags: usize,
    pub(super) flags: u64,
    /// When it expires, in milliseconds since boot; 0: never.
    pub(super) expires: u64,
    /// When it was stored, in milliseconds since boot.
    pub(super) created: u64,
    /// The word after the tags; 0 without one.
    pub(super) extra: u64,
}

impl Head {
    /// Reads the head of the entry in a block. Its numbers are within bounds, whatever the block contains.
    #[inline]
    pub(super) fn load(memory: &Memory, block: usize) -> Self {
        let word = |index| memory.content(block, index).load(Ordering::Relaxed);
        let sizes = word(1);
        let tags = ((sizes >> 52) as usize & 0xf).min(MAX_TAG_WORDS);
        let has_extra = (sizes >> EXTRA_SHIFT) & 1;
        Self {
            hash: word(0),
            value_bytes: (sizes as usize & ((1 << EXTRA_SHIFT) - 1)).min(MAX_VALUE),
            key_bytes: ((sizes >> 32) as usize & 0x1_ffff).min(MAX_KEY),
            encoding: (sizes >> 56) as u8,
            tags,
            flags: ((sizes >> 49) & 7) | (has_extra * FLAG_EXTRA),
            expires: word(2),
            created: word(3),
            extra: match has_extra {
                0 => 0,
                _ => word(HEAD_WORDS + tags),
            },
        }
    }

    pub(super) fn store(&self, memory: &Memory, block: usize) {
        let sizes = self.value_bytes as u64
            | (self.key_bytes as u64) << 32
            | (self.flags & 7) << 49
            | u64::from(self.flags & FLAG_EXTRA != 0) << EXTRA_SHIFT
            | (self.tags as u64) << 52
            | u64::from(self.encoding) << 56;
        let words = [self.hash, sizes, self.expires, self.created];
        for (index, word) in words.into_iter().enumerate() {
            memory.content(block, index).store(word, Ordering::Relaxed);
        }
        if self.flags & FLAG_EXTRA != 0 {
            memory
                .content(block, HEAD_WORDS + self.tags)
                .store(self.extra, Ordering::Relaxed);
        }
    }

    /// Whether the entry is expired at `now`.
    #[inline]
    pub(super) const fn is_expired(&self, now: u64) -> bool {
        self.expires != 0 && self.expires <= now
    }

    /// The kind of the entry.
    #[inline]
    pub(super) const fn kind(&self) -> Kind {
        match self.flags & (FLAG_LOCK | FLAG_APCU) {
            0 => Kind::Value,
            FLAG_APCU => Kind::Apcu,
            _ if self.flags & FLAG_EXTRA != 0 => Kind::Producer,
            _ => Kind::Lock,
        }
    }

    /// Whether the entry may be evicted only once it is expired.
    pub(super) fn is_pinned(&self) -> bool {
        self.flags & FLAG_LOCK != 0
    }

    /// How the value was produced; `None` if it was not by `remember()`.
    #[inline]
    pub(super) fn production(&self) -> Option<Production> {
        let is_produced = self.extra != 0 && self.kind() == Kind::Value;
        is_produced.then(|| Production::of(self.extra))
    }

    /// Whether the entry is of no use any more at `now`: expired, and too old for `remember()`.
    pub(super) fn is_too_stale(&self, now: u64) -> bool {
        let stale = self.production().map_or(0, Production::stale_ms);
        self.expires != 0 && self.expires.saturating_add(stale) <= now
    }

    /// Number of further blocks, which have key and value then.
    pub(super) fn parts(&self) -> usize {
        if self.flags & FLAG_PARTS == 0 {
            0
        } else {
            self.payload_bytes().div_ceil(PART_BYTES)
        }
    }

    /// A further block. Bounded by the segment.
    pub(super) fn part(&self, memory: &Memory, block: usize, part: usize) -> usize {
        let mut bytes = [0; 4];
        let offset = self.list_offset() + part * 4;
        // SAFETY: four bytes of our own.
        unsafe { memory.copy_out(block, offset, bytes.as_mut_ptr(), bytes.len()) };
        (u32::from_le_bytes(bytes) as usize).min(memory.layout.granules())
    }

    /// Offset of the list of further blocks; without such, of the key.
    #[inline]
    pub(super) const fn list_offset(&self) -> usize {
        (HEAD_WORDS + self.tags + (self.flags & FLAG_EXTRA != 0) as usize) * 8
    }

    pub(super) const fn payload_bytes(&self) -> usize {
        self.key_bytes + self.value_bytes
    }

    /// Bytes of the first block's content.
    pub(super) fn first_bytes(&self) -> usize {
        match self.parts() {
            0 => self.list_offset() + self.payload_bytes(),
            parts => self.list_offset() + parts * 4,
        }
    }

    /// Granules of all blocks.
    pub(super) fn granules(&self) -> usize {
        let of = |bytes| class_for(bytes).map_or(0, class_granules);
        let first = of(self.first_bytes());
        match self.parts().checked_sub(1) {
            None => first,
            Some(full) => {
                let rest = self.payload_bytes() - full * PART_BYTES;
                first + full * of(PART_BYTES) + of(rest)
            }
        }
    }

    /// Bytes of all content.
    pub(super) fn stored_bytes(&self) -> usize {
        self.list_offset() + self.parts() * 4 + self.payload_bytes()
    }
}
