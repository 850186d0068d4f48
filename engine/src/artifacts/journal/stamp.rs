//! Whether the journal has changed since this process read it last: by inode and size, in one system call. Any thread.

#[cfg(not(target_os = "linux"))]
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{NAME, Position};
use crate::artifacts::layout::CacheDir;

/// The identity and size of the journal, by its path alone; the default if it is absent. Does not make a network file
/// system ask its server.
pub(in crate::artifacts) fn file_stamp(cache_dir: &CacheDir) -> FileStamp {
    let path = cache_dir.meta_path().join(NAME);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::SYMLINK_NOFOLLOW;
        statx(CWD, path, flags, StatxFlags::INO | StatxFlags::SIZE).map_or_else(
            |_| FileStamp::default(),
            |stat| FileStamp(stat.stx_ino, stat.stx_size),
        )
    }
    #[cfg(not(target_os = "linux"))]
    path.symlink_metadata().map_or_else(
        |_| FileStamp::default(),
        |stat| FileStamp(stat.ino(), stat.len()),
    )
}

/// Inode and size of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::artifacts) struct FileStamp(u64, u64);

/// The stamp of the journal when this process last read it.
#[derive(Debug, Default)]
pub(in crate::artifacts) struct LastSeen(AtomicU64, AtomicU64);

impl LastSeen {
    /// Sets the stamp, before the journal is read: later changes are new.
    pub(in crate::artifacts) fn set(&self, seen: FileStamp) {
        self.0.store(seen.0, Ordering::Relaxed);
        self.1.store(seen.1, Ordering::Relaxed);
    }

    /// Whether the journal has changes that neither this process nor another one has applied to the index at
    /// `position`.
    pub(in crate::artifacts) fn differs(&self, seen: FileStamp, position: Position) -> bool {
        let same_file = seen.0 == self.0.load(Ordering::Relaxed);
        let followed = seen.1 == position.offset || seen.1 == self.1.load(Ordering::Relaxed);
        !(same_file && followed)
    }
}
