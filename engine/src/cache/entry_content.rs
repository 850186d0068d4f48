//! Reads the parts of an entry behind its head: tags, key and value. Any thread.

use std::sync::atomic::Ordering;

use super::{
    entry::{FLAG_PARTS, HEAD_WORDS, HashedKey, Head, PART_BYTES},
    memory::Memory,
};

impl Head {
    /// Copies the value.
    ///
    /// # Safety
    /// `target` is valid for [`Head::value_bytes`].
    #[inline]
    pub(super) unsafe fn copy_value(&self, memory: &Memory, block: usize, target: *mut u8) {
        if self.flags & FLAG_PARTS == 0 {
            let offset = self.list_offset() + self.key_bytes;
            // SAFETY: by the contract.
            unsafe { memory.copy_out(block, offset, target, self.value_bytes) };
            return;
        }
        let mut done = 0;
        while done < self.value_bytes {
            let position = self.key_bytes + done;
            let (part, offset) = (position / PART_BYTES, position % PART_BYTES);
            let bytes = (PART_BYTES - offset).min(self.value_bytes - done);
            let from = self.part(memory, block, part);
            // SAFETY: by the contract; `done` and `bytes` stay below the length of the value.
            unsafe { memory.copy_out(from, offset, target.add(done), bytes) };
            done += bytes;
        }
    }

    /// Whether the entry has this key. Means something only if the slot is unchanged afterwards.
    #[inline]
    pub(super) fn has_key(&self, memory: &Memory, block: usize, key: HashedKey<'_>) -> bool {
        let HashedKey { kind, hash, bytes } = key;
        if self.hash != hash || self.key_bytes != bytes.len() || self.kind() != kind {
            return false;
        }
        if self.flags & FLAG_PARTS == 0 {
            return memory.content_equals(block, self.list_offset(), bytes);
        }
        bytes
            .chunks(PART_BYTES)
            .enumerate()
            .all(|(part, bytes)| memory.content_equals(self.part(memory, block, part), 0, bytes))
    }

    /// Copies the key.
    pub(super) fn key(&self, memory: &Memory, block: usize) -> Vec<u8> {
        let mut key = vec![0; self.key_bytes];
        if self.flags & FLAG_PARTS == 0 {
            // SAFETY: the bytes of the vector.
            unsafe { memory.copy_out(block, self.list_offset(), key.as_mut_ptr(), key.len()) };
            return key;
        }
        for (part, bytes) in key.chunks_mut(PART_BYTES).enumerate() {
            let from = self.part(memory, block, part);
            // SAFETY: the bytes of the slice.
            unsafe { memory.copy_out(from, 0, bytes.as_mut_ptr(), bytes.len()) };
        }
        key
    }

    /// The tags with their versions, as words of a new entry.
    pub(super) fn tag_words(&self, memory: &Memory, block: usize) -> Vec<u64> {
        (0..self.tags)
            .map(|index| self.tag_word(memory, block, index))
            .collect()
    }

    /// Whether the tags have the versions that they had when the entry was stored.
    pub(super) fn has_current_tags(&self, memory: &Memory, block: usize) -> bool {
        (0..self.tags).all(|index| memory.is_current_tag(self.tag_word(memory, block, index)))
    }

    /// A tag with its version.
    #[inline]
    pub(super) fn tag_word(&self, memory: &Memory, block: usize, index: usize) -> u64 {
        let word = memory.content(block, HEAD_WORDS + index);
        word.load(Ordering::Relaxed)
    }
}
