//! Early writing to the disk of a file that is synced at its end. Any thread that may wait for a disk.

use std::fs::File;

/// Starts writing to the disk, so that the fsync at the end has little left to do.
pub(crate) fn begin(file: &File, offset: u64, len: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        // SAFETY: the descriptor is open; the call takes numbers only.
        unsafe {
            libc::sync_file_range(
                file.as_raw_fd(),
                offset as i64,
                len as i64,
                libc::SYNC_FILE_RANGE_WRITE,
            )
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, len);
}
