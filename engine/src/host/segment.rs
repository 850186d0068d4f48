//! A file of fixed size that processes share through memory. Its pages are allocated before anybody
//! stores into them, because a store into a page that a full tmpfs can't give is a SIGBUS; it is never
//! truncated. Whoever lays a format over it uses atomics for what others may change.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    ptr::NonNull,
    sync::atomic::AtomicU64,
};

use memmap2::{MmapOptions, MmapRaw};

use crate::{
    descriptors,
    failpoint::{FailPoint, reach},
    file_size::without_signal,
};

/// What the file system has to have left after a segment was made.
const MARGIN: u64 = 1 << 20;

/// A mapped file, or memory of this process alone.
#[derive(Debug)]
pub struct Segment {
    map: MmapRaw,
    bytes: usize,
}

impl Segment {
    /// Makes a file of zeros that nobody had before; `bytes` is a multiple of 8.
    ///
    /// # Errors
    /// `AlreadyExists`; `StorageFull`, where a megabyte would not be left; what the system says.
    pub fn create(path: &Path, bytes: usize) -> io::Result<Self> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        check_room(dir, bytes)?;
        let mut file = create_new(path)?;
        reach(FailPoint::SharedMade);
        let made = Self::fill(&mut file, dir, bytes);
        if made.is_err() {
            let _ = fs::remove_file(path);
        }
        made
    }

    fn fill(file: &mut File, dir: &Path, bytes: usize) -> io::Result<Self> {
        share(file, dir)?;
        allocate(file, bytes)?;
        let segment = Self::map(file, bytes)?;
        if populate(&segment.map).is_err() {
            zeros(file, bytes)?;
        }
        Ok(segment)
    }

    /// Maps the file at `path`, whatever its size is. `Ok(None)`: there is none.
    ///
    /// # Errors
    /// `InvalidData` for what no process of ours can have made; what the system says.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        descriptors::hold_standard();
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = check(&file, path)?;
        Self::map(&file, bytes).map(Some)
    }

    /// Memory of this process alone, for where no file can be had; its content dies with the process.
    ///
    /// # Errors
    /// No memory.
    pub fn anonymous(bytes: usize) -> io::Result<Self> {
        let map = MmapRaw::from(MmapOptions::new().len(bytes).map_anon()?);
        Ok(Self { map, bytes })
    }

    fn map(file: &File, bytes: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        Ok(Self { map, bytes })
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where it begins. Valid for [`Segment::bytes`], aligned to a page, for as long as `self` lives.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).unwrap_or(NonNull::dangling())
    }

    /// The word at `index`, which counts words of 8 bytes from the beginning.
    #[inline]
    #[must_use]
    pub fn word(&self, index: usize) -> Option<&AtomicU64> {
        if index >= self.bytes / 8 {
            return None;
        }
        // SAFETY: inside of the mapping, aligned, alive as long as `self`; words are touched as atomics.
        Some(unsafe { &*self.base().as_ptr().cast::<AtomicU64>().add(index) })
    }

    /// Has its pages written to the disk, and waits for that.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        self.map.flush()
    }
}

/// Whether there is room for a file of so many bytes, and a megabyte beside it.
///
/// # Errors
/// `StorageFull`; what the system says.
pub(crate) fn check_room(dir: &Path, bytes: usize) -> io::Result<()> {
    let room = rustix::fs::statvfs(dir)?;
    let (left, needed) = (
        room.f_bavail.saturating_mul(room.f_frsize),
        bytes as u64 + MARGIN,
    );
    if left < needed {
        let why = format!(
            "{}: found {} KiB left; expected {} KiB and {} KiB beside them",
            dir.display(),
            left >> 10,
            bytes >> 10,
            MARGIN >> 10
        );
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    Ok(())
}

/// An empty file that nobody had before, closed to others.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    descriptors::hold_standard();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
}

/// A directory that a group shares has segments that it shares.
pub(crate) fn share(file: &File, dir: &Path) -> io::Result<()> {
    match dir.metadata()?.mode() & 0o060 {
        0 => Ok(()),
        group => file.set_permissions(fs::Permissions::from_mode(0o600 | group)),
    }
}

/// Gives a file its size, and the disk's blocks for it.
pub(crate) fn allocate(file: &mut File, bytes: usize) -> io::Result<()> {
    let none = rustix::fs::FallocateFlags::empty();
    match without_signal(|| rustix::fs::fallocate(&*file, none, 0, bytes as u64)) {
        Ok(()) => Ok(()),
        // The last: a filter of system calls.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            zeros(file, bytes)
        }
        Err(error) => Err(error.into()),
    }
}

/// Has all pages of a mapping allocated now, where the kernel can do that (Linux 5.14).
pub(crate) fn populate(map: &MmapRaw) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return map.advise(memmap2::Advice::PopulateWrite);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = map;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Why a file at `path` is none that one of us made, less what its content says: a regular file of ours,
/// of root's or of the directory's owner (or of our group, where the directory is shared), closed to
/// strangers.
pub(crate) fn stranger(found: &Metadata, path: &Path) -> io::Result<Option<&'static str>> {
    let dir = path
        .parent()
        .ok_or(io::ErrorKind::InvalidInput)?
        .metadata()?;
    let owners = [0, rustix::process::geteuid().as_raw(), dir.uid()];
    let shared = dir.mode() & 0o020 != 0 && found.gid() == dir.gid();
    Ok(if !owners.contains(&found.uid()) && !shared {
        Some("it belongs to another user")
    } else if found.mode() & 0o002 != 0 {
        Some("everybody may write to it")
    } else {
        None
    })
}

/// The size of what we would have made, of whole words.
fn check(file: &File, path: &Path) -> io::Result<usize> {
    let found = file.metadata()?;
    let why = if !found.is_file() || found.len() == 0 || !found.len().is_multiple_of(8) {
        Some("it is no segment")
    } else {
        stranger(&found, path)?
    };
    match why {
        Some(why) => Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        None => usize::try_from(found.len()).map_err(io::Error::other),
    }
}

/// The other way of allocating: tells of a full disk with an error.
pub(crate) fn zeros(file: &mut File, bytes: usize) -> io::Result<()> {
    file.rewind()?;
    let page = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = page.get(..left.min(page.len())).unwrap_or(&page);
        without_signal(|| file.write_all(part))?;
        left -= part.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn what_one_mapping_stores_another_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let made = Segment::create(&path, 8192).unwrap();
        made.word(1023).unwrap().store(7, Ordering::Relaxed);
        assert!(made.word(1024).is_none());
        let opened = Segment::open(&path).unwrap().unwrap();
        assert_eq!(opened.bytes(), 8192);
        assert_eq!(opened.word(1023).unwrap().load(Ordering::Relaxed), 7);
        assert!(Segment::create(&path, 8192).is_err());
        assert!(path.metadata().unwrap().blocks() * 512 >= 8192);
    }

    #[test]
    fn a_link_an_empty_file_and_one_open_to_strangers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        Segment::create(&path, 4096).unwrap();
        let link = dir.path().join("link.seg");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Segment::open(&link).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Segment::open(&path).is_err());
        let empty = dir.path().join("empty.seg");
        File::create(&empty).unwrap();
        assert!(Segment::open(&empty).is_err());
        assert!(
            Segment::open(&dir.path().join("none.seg"))
                .unwrap()
                .is_none()
        );
    }
}
