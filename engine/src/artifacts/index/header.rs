//! What the words of the header say of the whole index: counts, how far it knows the disk, what is to be
//! done. Each is one word that is stored and read by itself. Any thread; who changes the index holds its lock.

use super::{Index, layout::word};
use crate::artifacts::journal::{self, Position};

impl Index {
    /// How many records it holds.
    pub(in crate::artifacts) fn len(&self) -> u64 {
        self.header(word::ENTRIES)
    }

    /// Bytes of all binaries it knows.
    pub(in crate::artifacts) fn total_size(&self) -> u64 {
        self.header(word::BYTES)
    }

    /// Whether it was filled from the disk at least once.
    pub(in crate::artifacts) fn is_filled(&self) -> bool {
        self.header(word::EPOCH) & 1 == 0
    }

    /// Whether it knows of changes that it missed.
    pub(in crate::artifacts) fn needs_rescan(&self) -> bool {
        self.header(word::RESCAN) != 0
    }

    /// Before and after everything on disk was read: what is asked for in between counts anew.
    pub(in crate::artifacts) fn begin_rescan(&self) {
        self.set_header(word::RESCAN, 0);
    }

    /// See [`Index::begin_rescan`].
    pub(in crate::artifacts) fn end_rescan(&self) {
        let epoch = self.header(word::EPOCH);
        self.set_header(word::EPOCH, epoch.wrapping_add(1) | 1);
        self.set_header(word::EPOCH, (epoch.wrapping_add(1) | 1).wrapping_add(1));
    }

    /// How far the log of changes was followed.
    pub(in crate::artifacts) fn position(&self) -> Position {
        Position {
            file: self.header(word::LOG_FILE),
            offset: self.header(word::LOG_OFFSET),
        }
    }

    /// Everything up to there is known.
    pub(in crate::artifacts) fn set_position(&self, to: Position) {
        self.set_header(word::LOG_FILE, to.file);
        self.set_header(word::LOG_OFFSET, to.offset);
    }

    /// A change of ours ended there; where others stand before it, they are still to be followed.
    pub(in crate::artifacts) fn advance_position(&self, to: Position) {
        let here = self.position();
        let next = here.file == to.file && here.offset + journal::RECORD == to.offset;
        let first = here == Position::default() && to.offset == 2 * journal::RECORD;
        if next || first {
            self.set_position(to);
        }
    }

    /// Counts changes; see [`Index::exported_count`].
    pub(in crate::artifacts) fn change_count(&self) -> u64 {
        self.header(word::CHANGES)
    }

    /// Up to which count of changes `index.json` was written.
    pub(in crate::artifacts) fn exported_count(&self) -> u64 {
        self.header(word::EXPORTED)
    }

    /// See [`Index::exported_count`].
    pub(in crate::artifacts) fn set_exported_count(&self, changes: u64) {
        self.set_header(word::EXPORTED, changes);
    }

    /// The folder at which the next walk over the disk goes on.
    pub(in crate::artifacts) fn next_scan_dir(&self) -> u8 {
        self.header(word::WALK) as u8
    }

    /// See [`Index::next_scan_dir`].
    pub(in crate::artifacts) fn set_next_scan_dir(&self, next: u8) {
        self.set_header(word::WALK, next.into());
    }

    /// See [`word::CLOCK`].
    pub(in crate::artifacts) fn clock_offset(&self) -> u64 {
        self.header(word::CLOCK)
    }

    /// See [`word::CLOCK`].
    pub(in crate::artifacts) fn set_clock_offset(&self, ahead_of_boot: u64) {
        self.set_header(word::CLOCK, ahead_of_boot);
    }

    /// How many were evicted on this host since the index was made: expired, least recently used.
    pub(in crate::artifacts) fn eviction_counts(&self) -> [u64; 2] {
        [word::EVICTED_EXPIRED, word::EVICTED_LRU].map(|at| self.header(at))
    }

    /// Whether a writer died over a change that nobody has repaired yet.
    pub(in crate::artifacts) fn is_interrupted(&self) -> bool {
        word::JOURNAL
            .iter()
            .any(|(_, open)| self.header(*open) != 0)
    }
}
