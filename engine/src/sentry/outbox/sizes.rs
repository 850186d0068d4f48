//! The limits of an outbox and the sizes of its files. Pure values; any thread.

/// The limits of an outbox.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Bytes of all queue files of the host.
    pub bytes: u64,
    /// Records of this process.
    pub records: usize,
}

/// The size of the first file of a chain, and all that an idle chain keeps.
pub(super) const MIN_FILE_BYTES: usize = 32 << 10;
/// Empty files of an outbox, and those that become empty. With the current one they take turns.
pub(super) const MAX_SPARES: usize = 2;
/// The size that files of a busy chain grow to; less if the capacity is small.
const MAX_FILE_BYTES: usize = 2 << 20;
/// Space is freed by files, so a file is at most this fraction of the capacity.
const FILES_PER_CAPACITY: u64 = 32;
/// The ratio of the sizes of two consecutive files.
pub(super) const GROWTH_FACTOR: usize = 4;
/// A record that needs more bytes gets a file of its own.
pub(super) const OVERSIZE_THRESHOLD: usize = MAX_FILE_BYTES / 2;
/// Files are whole pages.
pub(super) const PAGE: usize = 4096;

impl Capacity {
    /// The size of the file after one of `bytes`.
    pub(super) fn next_file_bytes(self, bytes: usize) -> usize {
        (bytes * GROWTH_FACTOR).clamp(MIN_FILE_BYTES, self.largest_file_bytes())
    }

    /// The size that files of a busy chain grow to.
    pub(super) fn largest_file_bytes(self) -> usize {
        let share = usize::try_from(self.bytes / FILES_PER_CAPACITY);
        let share = share.unwrap_or(MAX_FILE_BYTES) / PAGE * PAGE;
        share.clamp(MIN_FILE_BYTES, MAX_FILE_BYTES)
    }
}
