//! Values as they are stored and read: lifetime, encoding, tags; the result of a store. Any thread.

use std::time::Duration;

use super::{
    entry::Encoding, memory::Memory, production::Production, table::Found, words::SlotWord,
};

/// How long a value stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// Until it is evicted or removed.
    Forever,
    /// So long; zero: it is expired at once.
    For(Duration),
}

impl Ttl {
    pub(super) fn expires(self, now: u64) -> u64 {
        match self {
            Self::Forever => 0,
            Self::For(time) => now.saturating_add(
                u64::try_from(time.as_millis())
                    .unwrap_or(u64::MAX)
                    .clamp(1, 1 << 48),
            ),
        }
    }
}

/// A value to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewValue<'a> {
    /// Its bytes, at most [`MAX_VALUE`](super::MAX_VALUE).
    pub bytes: &'a [u8],
    /// Their encoding, returned with them.
    pub encoding: Encoding,
    /// When it expires.
    pub ttl: Ttl,
    /// Its tags, at most [`MAX_TAGS`](super::MAX_TAGS), and one of [`Cache::covered`](super::Cache::covered).
    pub tags: &'a [Tag],
}

/// A value with its key, as the caller has named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedValue {
    /// The key.
    pub key: Vec<u8>,
    /// How the value is encoded.
    pub encoding: Encoding,
    /// The encoded value.
    pub bytes: Vec<u8>,
}

/// A tag with its version: [`Cache::tag`](super::Cache::tag).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag(pub(super) u64);

/// Tags that a version has at most.
const VERSION_TAGS: usize = 2;

/// The version of a value: its slot with the slot's word, when it expires, and its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub(super) slot: usize,
    pub(super) word: SlotWord,
    pub(super) expires: u64,
    pub(super) production: Option<Production>,
    tags: [u64; VERSION_TAGS],
    tag_count: usize,
}

impl Version {
    #[inline]
    pub(super) fn of(memory: &Memory, found: &Found) -> Self {
        let mut tags = [0; VERSION_TAGS];
        if found.head.tags > 0 {
            for (index, tag) in tags.iter_mut().enumerate().take(found.head.tags) {
                *tag = found.head.tag_word(memory, found.block, index);
            }
        }
        Self {
            slot: found.slot,
            word: found.word,
            expires: found.head.expires,
            production: found.head.production(),
            tags,
            tag_count: found.head.tags,
        }
    }

    /// Whether [`Cache::check_version`](super::Cache::check_version) tells for it: not for a value with more
    /// than two tags.
    #[must_use]
    pub const fn is_checkable(&self) -> bool {
        self.tag_count <= VERSION_TAGS
    }

    /// Whether the value is one of `remember()`.
    #[must_use]
    #[inline]
    pub const fn is_produced(&self) -> bool {
        self.production.is_some()
    }

    /// Whether none of the tags was invalidated since.
    #[inline]
    pub(super) fn has_current_tags(&self, memory: &Memory) -> bool {
        let mut tags = self.tags.iter().take(self.tag_count);
        self.tag_count == 0 || tags.all(|tag| memory.is_current_tag(*tag))
    }
}

/// The result of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Yes,
    /// The condition did not hold.
    No,
    /// It is too large, or all memory is in use.
    Refused,
}

/// When a store takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    /// No value is stored, or an expired one.
    Absent,
    /// The slot has this word.
    Unchanged(usize, SlotWord),
    /// No value is stored, and the lock of the key was not held since it had this word.
    Quiet(u64),
    /// The lock of the key was not held since it had this word.
    Since(u64),
}

/// The value of a lookup, while it is read: [`Cache::get`](super::Cache::get).
#[derive(Debug)]
pub struct ValueReader<'a> {
    pub(super) memory: &'a Memory,
    pub(super) found: &'a Found,
}

impl ValueReader<'_> {
    /// Bytes of the value, at most [`MAX_VALUE`](super::MAX_VALUE).
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.found.head.value_bytes
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoding.
    #[must_use]
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.found.head.encoding
    }

    /// Copies the value: all bytes of `target` are written. They may be torn: they mean something only once
    /// [`Cache::get`](super::Cache::get) has returned.
    ///
    /// # Safety
    /// `target` is valid for [`ValueReader::len`] bytes.
    #[inline]
    pub unsafe fn copy_to(&self, target: *mut u8) {
        // SAFETY: by the contract.
        unsafe {
            self.found
                .head
                .copy_value(self.memory, self.found.block, target);
        }
    }

    /// Copies the value as a vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        // SAFETY: the bytes of the vector.
        unsafe { self.copy_to(bytes.as_mut_ptr()) };
        bytes
    }

    /// The first eight bytes as a number.
    #[must_use]
    #[inline]
    pub fn to_word(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        if self.len() == bytes.len() {
            // SAFETY: eight bytes of our own, and the value has as many.
            unsafe { self.copy_to(bytes.as_mut_ptr()) };
        }
        bytes
    }
}

/// Why [`Cache::change`](super::Cache::change) stored nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError<E> {
    /// The error of the change.
    Rejected(E),
    /// The value is too large, or all memory is in use.
    Refused,
}
