//! The mapped file under the index, checked before it is used. Never truncated, and never written but
//! through the mapping; replaced in one step where its file was. PHP's thread reads it, whoever holds the lock writes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
    ptr::NonNull,
    sync::atomic::Ordering,
};

use memmap2::{MmapOptions, MmapRaw};

use crate::{descriptors, host::segment, sync::atomic::AtomicU64};

/// Words that other processes may change at any moment, hence atomics and no `&[u64]`.
#[derive(Debug)]
pub(super) struct Segment {
    words: NonNull<AtomicU64>,
    len: usize,
    writable: bool,
    /// Device and inode; zeros of memory of this process alone. No lock: a forked child may look too.
    file: [std::sync::atomic::AtomicU64; 2],
    /// Keeps the words mapped.
    pub(super) map: MmapRaw,
}

// SAFETY: the words are atomics in a mapping that lives as long as the segment.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    /// Maps the file at `path` if it is a segment of `bytes` that belongs to us. `Ok(None)`: there
    /// is none. A file that can only be read is mapped so.
    pub(super) fn open(path: &Path, bytes: usize) -> io::Result<Option<Self>> {
        let opened = open(path, true).map(|file| (file, true)).or_else(|error| {
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) {
                open(path, false).map(|file| (file, false))
            } else {
                Err(error)
            }
        });
        let (file, writable) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        check(&file, path, bytes)?;
        Self::map(&file, bytes, writable).map(Some)
    }

    /// Memory of this process alone, for where no file can be had.
    pub(super) fn anonymous(bytes: usize) -> io::Result<Self> {
        let map = MmapRaw::from(MmapOptions::new().len(bytes).map_anon()?);
        Self::over(map, bytes, true, (0, 0))
    }

    pub(super) fn map(file: &File, bytes: usize, writable: bool) -> io::Result<Self> {
        let options = {
            let mut options = MmapOptions::new();
            options.len(bytes);
            options
        };
        let map = if writable {
            options.map_raw(file)?
        } else {
            options.map_raw_read_only(file)?
        };
        let found = file.metadata()?;
        Self::over(map, bytes, writable, (found.dev(), found.ino()))
    }

    fn over(
        map: MmapRaw,
        bytes: usize,
        writable: bool,
        (device, inode): (u64, u64),
    ) -> io::Result<Self> {
        let words = NonNull::new(map.as_mut_ptr().cast::<AtomicU64>())
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            words,
            len: bytes / 8,
            writable,
            file: [device.into(), inode.into()],
            map,
        })
    }

    /// All words. Stores are allowed where the segment [`Segment::is_writable`].
    #[inline]
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `len` words long and lives as long as `self`; other
        // processes that write into it do so with atomics of the same size. The file is never
        // truncated by us, and its directory is closed to strangers.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }

    /// Whether the path leads to the file that is mapped.
    pub(super) fn stands_at(&self, path: &Path) -> bool {
        let named = path.symlink_metadata();
        let [device, inode] = &self.file;
        let (device, inode) = (
            device.load(Ordering::Relaxed),
            inode.load(Ordering::Relaxed),
        );
        named.is_ok_and(|named| (device, inode) == (named.dev(), named.ino()))
    }

    /// Maps the file at `path` in the place of the one that is mapped, if it is a segment that `accept`
    /// takes and that is mapped alike. `false`: there is none yet. Readers see the old words or the new
    /// ones; the caller keeps writers of this process away.
    pub(super) fn replace(
        &self,
        path: &Path,
        accept: impl FnOnce(&Self) -> bool,
    ) -> io::Result<bool> {
        let bytes = self.len * 8;
        let file = match open(path, self.writable) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        check(&file, path, bytes)?;
        if !accept(&Self::map(&file, bytes, false)?) {
            return Ok(false);
        }
        let found = file.metadata()?;
        let protection = libc::PROT_READ | if self.writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: the range is the whole of our own shared mapping, which stays mapped throughout: the
        // kernel puts the new file into its place in one step. It was made with the same length, and is
        // unmapped with it. All access to it is by atomics, and no reference says which file it is.
        let mapped = unsafe {
            libc::mmap(
                self.words.as_ptr().cast(),
                bytes,
                protection,
                libc::MAP_SHARED | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let [device, inode] = &self.file;
        device.store(found.dev(), Ordering::Relaxed);
        inode.store(found.ino(), Ordering::Relaxed);
        Ok(true)
    }

    #[inline]
    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }
}

fn open(path: &Path, write: bool) -> io::Result<File> {
    descriptors::hold_standard();
    OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Whether the file is what one of us would have made, of the very size.
fn check(file: &File, path: &Path, bytes: usize) -> io::Result<()> {
    let found = file.metadata()?;
    let why = if !found.is_file() || found.len() != bytes as u64 {
        Some("it is no index of that capacity")
    } else {
        segment::stranger(&found, path)?
    };
    match why {
        Some(why) => Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn a_link_a_wrong_size_and_a_file_open_to_strangers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        Segment::create(&path, 8192, |_| {}).unwrap();
        assert!(Segment::open(&path, 4096).is_err());
        let link = dir.path().join("link.seg");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Segment::open(&link, 8192).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Segment::open(&path, 8192).is_err());
        assert!(
            Segment::open(&dir.path().join("none.seg"), 8192)
                .unwrap()
                .is_none()
        );
    }
}
