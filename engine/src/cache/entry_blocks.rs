//! The blocks of an entry, as they are before its slot is changed. Any thread.

use super::{
    entry::Head,
    words::{BlockState, BlockWord},
};

/// The blocks of an entry with their words, read before its slot is changed: each is freed from that word only.
#[derive(Debug)]
pub(super) struct EntryBlocks {
    pub(super) head: Head,
    pub(super) first: (usize, BlockWord),
    pub(super) parts: Vec<(usize, BlockWord)>,
}

impl EntryBlocks {
    /// The state of one of them.
    pub(super) fn state_of(&self, block: usize) -> BlockState {
        if self.first.0 == block {
            BlockState::First
        } else {
            BlockState::Part
        }
    }

    /// All blocks.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first.0).chain(self.parts.iter().map(|part| part.0))
    }

    /// Whether a block is one of them.
    pub(super) fn contains(&self, block: usize) -> bool {
        self.first.0 == block || self.parts.iter().any(|part| part.0 == block)
    }
}
