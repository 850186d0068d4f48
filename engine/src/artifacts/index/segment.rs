//! The file under the index: made whole and published by link(2), so that nobody maps half of one;
//! its pages are allocated before anybody stores into them, because a store into a page that a full
//! tmpfs can't give is a SIGBUS. Never truncated, never written but through the mapping.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    ptr::NonNull,
    sync::atomic::AtomicU64,
};

use memmap2::{MmapOptions, MmapRaw};

/// What the file system has to have left after the segment was made.
const MARGIN: u64 = 1 << 20;

/// Words that other processes may change at any moment, hence atomics and no `&[u64]`.
#[derive(Debug)]
pub(super) struct Segment {
    words: NonNull<AtomicU64>,
    len: usize,
    writable: bool,
    /// Keeps the words mapped.
    _map: MmapRaw,
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

    /// Makes a segment that `fill` prepares and publishes it under `path`. `Ok(None)`: another
    /// process was first.
    pub(super) fn create(
        path: &Path,
        bytes: usize,
        fill: impl FnOnce(&Self),
    ) -> io::Result<Option<Self>> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let room = rustix::fs::statvfs(dir)?;
        if room.f_bavail.saturating_mul(room.f_frsize) < bytes as u64 + MARGIN {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{:016x}.tmp", random()?));
        let temporary = Path::new(&temporary);
        let made = Self::make(temporary, dir, bytes).and_then(|segment| {
            fill(&segment);
            match fs::hard_link(temporary, path) {
                Ok(()) => Ok(Some(segment)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error),
            }
        });
        let _ = fs::remove_file(temporary);
        made
    }

    fn make(path: &Path, dir: &Path, bytes: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
            .open(path)?;
        // A directory that a group shares has segments that it shares.
        let group = dir.metadata()?.mode() & 0o060;
        file.set_permissions(fs::Permissions::from_mode(0o600 | group))?;
        let allocated =
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes as u64);
        if let Err(error) = allocated {
            if !matches!(
                error,
                rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS
            ) {
                return Err(error.into());
            }
            zeros(&mut file, bytes)?;
        }
        let segment = Self::map(&file, bytes, true)?;
        if segment.populate().is_err() {
            zeros(&mut file, bytes)?;
        }
        Ok(segment)
    }

    /// Memory of this process alone, for where no file can be had.
    pub(super) fn anonymous(bytes: usize) -> io::Result<Self> {
        let map = MmapRaw::from(MmapOptions::new().len(bytes).map_anon()?);
        Self::over(map, bytes, true)
    }

    fn map(file: &File, bytes: usize, writable: bool) -> io::Result<Self> {
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
        Self::over(map, bytes, writable)
    }

    fn over(map: MmapRaw, bytes: usize, writable: bool) -> io::Result<Self> {
        let words = NonNull::new(map.as_mut_ptr().cast::<AtomicU64>())
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            words,
            len: bytes / 8,
            writable,
            _map: map,
        })
    }

    /// Has all pages allocated now, where the kernel can do that (Linux 5.14).
    fn populate(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return self._map.advise(memmap2::Advice::PopulateWrite);
        #[cfg(not(target_os = "linux"))]
        Err(io::ErrorKind::Unsupported.into())
    }

    /// All words. Stores are allowed where the segment [`Segment::is_writable`].
    #[inline]
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `len` words long and lives as long as `self`; other
        // processes that write into it do so with atomics of the same size. The file is never
        // truncated by us, and its directory is closed to strangers.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }

    #[inline]
    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }
}

fn open(path: &Path, write: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Whether the file is what we would have made: ours or root's or the directory's owner's (or our
/// group's, where the directory is shared), closed to strangers, of the very size.
fn check(file: &File, path: &Path, bytes: usize) -> io::Result<()> {
    let found = file.metadata()?;
    let dir = path
        .parent()
        .ok_or(io::ErrorKind::InvalidInput)?
        .metadata()?;
    let owners = [0, rustix::process::geteuid().as_raw(), dir.uid()];
    let shared = dir.mode() & 0o020 != 0 && found.gid() == dir.gid();
    let why = if !found.is_file() || found.len() != bytes as u64 {
        "it is no index of that capacity"
    } else if !owners.contains(&found.uid()) && !shared {
        "it belongs to another user"
    } else if found.mode() & 0o002 != 0 {
        "everybody may write to it"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// The other way of allocating: tells of a full disk with an error.
fn zeros(file: &mut File, bytes: usize) -> io::Result<()> {
    use std::io::Seek as _;
    file.rewind()?;
    let page = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = page.get(..left.min(page.len())).unwrap_or(&page);
        file.write_all(part)?;
        left -= part.len();
    }
    Ok(())
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn whoever_comes_second_gets_the_segment_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let made = Segment::create(&path, 8192, |s| s.words()[3].store(7, Ordering::Relaxed));
        assert!(made.unwrap().is_some());
        assert!(Segment::create(&path, 8192, |_| {}).unwrap().is_none());
        let opened = Segment::open(&path, 8192).unwrap().unwrap();
        assert_eq!(opened.words()[3].load(Ordering::Relaxed), 7);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_pages_of_a_segment_are_allocated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        Segment::create(&path, 1 << 20, |_| {}).unwrap();
        assert!(path.metadata().unwrap().blocks() * 512 >= 1 << 20);
    }

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
