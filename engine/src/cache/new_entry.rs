//! An entry that is stored: the blocks that it needs, and their content ([`super::entry`]). Any thread.

use std::sync::atomic::Ordering;

use super::{
    entry::{
        Encoding, FLAG_APCU, FLAG_EXTRA, FLAG_LOCK, FLAG_PARTS, HEAD_WORDS, Head, Kind, MAX_KEY,
        MAX_PARTS, MAX_TAG_WORDS, MAX_VALUE, PART_BYTES,
    },
    layout::{CLASSES, MAX_BLOCK, class_for},
    memory::Memory,
};

/// An entry to be stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewEntry<'a> {
    pub(super) kind: Kind,
    pub(super) hash: u64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) encoding: Encoding,
    /// Tags: the number in the table of tags above, the version below.
    pub(super) tags: &'a [u64],
    pub(super) expires: u64,
    pub(super) created: u64,
    /// The word after the tags; 0: none.
    pub(super) extra: u64,
}

/// The blocks that an entry needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) first_class: usize,
    /// Bytes in further blocks.
    part_bytes: usize,
}

impl Plan {
    /// The classes of the further blocks.
    pub(super) fn part_classes(self) -> impl Iterator<Item = usize> {
        (0..self.part_bytes.div_ceil(PART_BYTES)).map(move |part| {
            let bytes = PART_BYTES.min(self.part_bytes - part * PART_BYTES);
            class_for(bytes).unwrap_or(CLASSES.len() - 1)
        })
    }
}

impl NewEntry<'_> {
    fn head(&self, in_parts: bool) -> Head {
        let parts = if in_parts { FLAG_PARTS } else { 0 };
        let kind = match self.kind {
            Kind::Value => 0,
            Kind::Apcu => FLAG_APCU,
            Kind::Lock | Kind::Producer => FLAG_LOCK,
        };
        let extra = if self.extra == 0 { 0 } else { FLAG_EXTRA };
        Head {
            hash: self.hash,
            key_bytes: self.key.len(),
            value_bytes: self.value.len(),
            encoding: self.encoding,
            tags: self.tags.len(),
            flags: parts | kind | extra,
            expires: self.expires,
            created: self.created,
            extra: self.extra,
        }
    }

    /// The blocks that the entry needs; `None` for one that is too large.
    pub(super) fn plan(&self) -> Option<Plan> {
        if self.key.len() > MAX_KEY
            || self.value.len() > MAX_VALUE
            || self.tags.len() > MAX_TAG_WORDS
        {
            return None;
        }
        let whole = self.head(false);
        let (first_class, part_bytes) = match class_for(whole.first_bytes()) {
            Some(class) => (class, 0),
            None => (
                class_for(self.head(true).first_bytes())?,
                whole.payload_bytes(),
            ),
        };
        Some(Plan {
            first_class,
            part_bytes,
        })
    }

    /// Fills the reserved blocks. Returns the head.
    pub(super) fn fill(&self, memory: &Memory, first: usize, parts: &[usize]) -> Head {
        let head = self.head(!parts.is_empty());
        head.store(memory, first);
        for (index, tag) in self.tags.iter().enumerate() {
            memory
                .content(first, HEAD_WORDS + index)
                .store(*tag, Ordering::Relaxed);
        }
        let start = head.list_offset();
        if parts.is_empty() {
            memory.copy_in(first, start, self.key);
            memory.copy_in(first, start + self.key.len(), self.value);
            return head;
        }
        for (index, part) in parts.iter().enumerate() {
            let number = u32::try_from(*part).unwrap_or(u32::MAX);
            memory.copy_in(first, start + index * 4, &number.to_le_bytes());
        }
        let mut position = 0;
        for mut bytes in [self.key, self.value] {
            while !bytes.is_empty() {
                let offset = position % PART_BYTES;
                let (now, rest) = bytes.split_at(bytes.len().min(PART_BYTES - offset));
                if let Some(part) = parts.get(position / PART_BYTES) {
                    memory.copy_in(*part, offset, now);
                }
                position += now.len();
                bytes = rest;
            }
        }
        head
    }
}

const _: () = assert!(MAX_PARTS * 4 + (MAX_TAG_WORDS + HEAD_WORDS + 1) * 8 < MAX_BLOCK);
