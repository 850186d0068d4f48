//! The words of the header: counts, the position in the journal, pending work. Each is stored and read on its own. Any
//! thread; changes under the writer lock.

use super::{Index, layout::word};
use crate::artifacts::journal::{self, Position};

impl Index {
    /// Number of records.
    pub(in crate::artifacts) fn len(&self) -> u64 {
        self.header(word::ENTRIES)
    }

    /// Bytes of all binaries in the index.
    pub(in crate::artifacts) fn total_size(&self) -> u64 {
        self.header(word::BYTES)
    }

    /// Whether it was filled from the disk at least once.
    pub(in crate::artifacts) fn is_filled(&self) -> bool {
        self.header(word::EPOCH) & 1 == 0
    }

    /// Whether it is marked for a rescan.
    pub(in crate::artifacts) fn needs_rescan(&self) -> bool {
        self.header(word::RESCAN) != 0
    }

    /// Call before everything on disk is read, and [`Index::end_rescan`] after it: a mark set in between stays.
    pub(in crate::artifacts) fn begin_rescan(&self) {
        self.set_header(word::RESCAN, 0);
    }

    /// Call after [`Index::begin_rescan`] and the scan.
    pub(in crate::artifacts) fn end_rescan(&self) {
        let epoch = self.header(word::EPOCH);
        self.set_header(word::EPOCH, epoch.wrapping_add(1) | 1);
        self.set_header(word::EPOCH, (epoch.wrapping_add(1) | 1).wrapping_add(1));
    }

    /// The position up to which the journal was applied.
    pub(in crate::artifacts) fn position(&self) -> Position {
        Position {
            file: self.header(word::LOG_FILE),
            offset: self.header(word::LOG_OFFSET),
        }
    }

    /// Sets the position: all changes before it were applied.
    pub(in crate::artifacts) fn set_position(&self, to: Position) {
        self.set_header(word::LOG_FILE, to.file);
        self.set_header(word::LOG_OFFSET, to.offset);
    }

    /// Advances the position past a change of this process, unless other changes before it are still to be applied.
    pub(in crate::artifacts) fn advance_position(&self, to: Position) {
        let here = self.position();
        let next = here.file == to.file && here.offset + journal::RECORD == to.offset;
        let first = here == Position::default() && to.offset == 2 * journal::RECORD;
        if next || first {
            self.set_position(to);
        }
    }

    /// Number of changes of the index; see [`Index::exported_count`].
    pub(in crate::artifacts) fn change_count(&self) -> u64 {
        self.header(word::CHANGES)
    }

    /// The number of changes at the last export of `index.json`.
    pub(in crate::artifacts) fn exported_count(&self) -> u64 {
        self.header(word::EXPORTED)
    }

    /// Sets [`Index::exported_count`].
    pub(in crate::artifacts) fn set_exported_count(&self, changes: u64) {
        self.set_header(word::EXPORTED, changes);
    }

    /// The directory at which the next scan goes on.
    pub(in crate::artifacts) fn next_scan_dir(&self) -> u8 {
        self.header(word::WALK) as u8
    }

    /// Sets [`Index::next_scan_dir`].
    pub(in crate::artifacts) fn set_next_scan_dir(&self, next: u8) {
        self.set_header(word::WALK, next.into());
    }

    /// The wall clock less the boot clock at the last cleaning; see [`word::CLOCK`].
    pub(in crate::artifacts) fn clock_offset(&self) -> u64 {
        self.header(word::CLOCK)
    }

    /// The wall clock less the boot clock at the last cleaning; see [`word::CLOCK`].
    pub(in crate::artifacts) fn set_clock_offset(&self, ahead_of_boot: u64) {
        self.set_header(word::CLOCK, ahead_of_boot);
    }

    /// Evictions on this host since the index was created: expired, least recently used.
    pub(in crate::artifacts) fn eviction_counts(&self) -> [u64; 2] {
        [word::EVICTED_EXPIRED, word::EVICTED_LRU].map(|at| self.header(at))
    }

    /// Whether a writer died during a change that is not repaired yet.
    pub(in crate::artifacts) fn is_interrupted(&self) -> bool {
        word::PENDING
            .iter()
            .any(|(_, open)| self.header(*open) != 0)
    }
}
