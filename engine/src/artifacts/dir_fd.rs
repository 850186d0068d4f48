//! Files below the cache directory, opened relative to a directory descriptor, so that no planted symbolic link leads
//! elsewhere and a moved directory stays the same one. Threads that may wait for a disk.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::Path,
};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::{descriptors, host::files};

/// An open directory.
#[derive(Debug)]
pub(super) struct DirFd(OwnedFd);

const HERE: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl DirFd {
    /// Opens a directory that the user named; links on its path are the user's own.
    pub(super) fn open_path(path: &Path) -> io::Result<Self> {
        descriptors::reserve_stdio();
        Ok(Self(fs::open(path, HERE | OFlags::RDONLY, Mode::empty())?))
    }

    /// Opens a subdirectory; a link is refused.
    pub(super) fn open_dir(&self, name: &str) -> io::Result<Self> {
        let flags = HERE | OFlags::RDONLY | OFlags::NOFOLLOW;
        Ok(Self(fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens a subdirectory, or creates it with the mode of this one. A directory of this user that still has the mode
    /// of its creation gets its final one too: its creator may be about to do that, or may have died before, and
    /// directories created in it would inherit the wrong mode for ever.
    #[allow(
        clippy::useless_conversion,
        reason = "the types differ between systems"
    )]
    pub(super) fn create_dir(&self, name: &str) -> io::Result<Self> {
        let is_new = match fs::mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let opened = self.open_dir(name)?;
        let inherited = files::inherited_mode(u32::from(fs::fstat(&self.0)?.st_mode));
        let found = fs::fstat(&opened.0)?;
        if is_new || files::is_unfinished(u32::from(found.st_mode), found.st_uid, inherited) {
            fs::fchmod(&opened.0, Mode::from_raw_mode(inherited.into()))?;
        }
        Ok(opened)
    }

    /// Opens a regular file for reading. Returns `None` if it is absent or no regular file.
    pub(super) fn open(&self, name: &str) -> io::Result<Option<File>> {
        self.open_as(name, OFlags::RDONLY)
    }

    fn open_as(&self, name: &str, access: OFlags) -> io::Result<Option<File>> {
        descriptors::reserve_stdio();
        // NONBLOCK: opening a planted pipe must not wait for its other end.
        let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(file.metadata()?.is_file().then_some(file))
    }

    /// Reads the first `limit` bytes of a regular file, and one more if it is longer.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Creates a file that must not exist, for its owner only.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        descriptors::reserve_stdio();
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(fs::openat(&self.0, name, flags, mode)?))
    }

    /// Opens a regular file for appending. Returns `None` if it is absent or no regular file.
    pub(super) fn append(&self, name: &str) -> io::Result<Option<File>> {
        self.open_as(name, OFlags::RDWR | OFlags::APPEND)
    }

    /// The metadata of that name, links not followed.
    pub(super) fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Size of a regular file.
    pub(super) fn file_size(&self, name: &str) -> io::Result<Option<u64>> {
        Ok(self.stat(name)?.and_then(|stat| {
            (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
                .then(|| u64::try_from(stat.st_size).ok())
                .flatten()
        }))
    }

    /// Whether that name leads to this open file.
    pub(super) fn names_file(&self, name: &str, file: &File) -> io::Result<bool> {
        self.names_same(name, &fs::fstat(file)?)
    }

    /// Whether that name still leads to the file with this metadata.
    pub(super) fn names_same(&self, name: &str, found: &Stat) -> io::Result<bool> {
        let named = self.stat(name)?;
        Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (found.st_dev, found.st_ino)))
    }

    /// Device and inode of this directory.
    pub(super) fn device_and_inode(&self) -> io::Result<(u64, u64)> {
        let stat = fs::fstat(&self.0)?;
        #[allow(
            clippy::useless_conversion,
            reason = "the types differ between systems"
        )]
        Ok((u64::from(stat.st_dev), u64::from(stat.st_ino)))
    }

    /// Moves a file of this directory into another one, and replaces the file there.
    pub(super) fn rename(&self, name: &str, target: &Self, new: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, name, &target.0, new)?)
    }

    /// Links a file of this directory into another one; never replaces.
    pub(super) fn link(&self, name: &str, target: &Self, new: &str) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(fs::linkat(&self.0, name, &target.0, new, flags)?)
    }

    /// Removes a file. Returns `false` if it is absent.
    pub(super) fn remove(&self, name: &str) -> io::Result<bool> {
        match fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a file's mode, which also updates its ctime.
    pub(super) fn chmod(&self, name: &str, mode: u16) -> io::Result<()> {
        let Some(file) = self.open(name)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        Ok(fs::fchmod(file, Mode::from_raw_mode(mode.into()))?)
    }

    /// Whether this process may create and remove files here.
    pub(super) fn is_writable(&self) -> bool {
        let wanted = fs::Access::WRITE_OK | fs::Access::EXEC_OK;
        match fs::accessat(&self.0, ".", wanted, AtFlags::EACCESS) {
            // A filter of system calls, or an old kernel: checks the real user instead.
            Err(Errno::PERM | Errno::NOSYS) => {
                fs::accessat(&self.0, ".", wanted, AtFlags::empty()).is_ok()
            }
            writable => writable.is_ok(),
        }
    }

    /// Makes changed names of this directory durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        match fs::fsync(&self.0) {
            // Some file systems have no fsync of directories.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// All UTF-8 names of this directory, in no order; Pillion's own are UTF-8.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        let entries = fs::Dir::read_from(&self.0)?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) => match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => None,
                Ok(name) => Some(Ok(name.to_owned())),
            },
            Err(error) => Some(Err(error.into())),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn unfinished_directory_gets_its_mode_before_it_is_used() {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let dir = tempfile::tempdir().unwrap();
        let shared = std::fs::Permissions::from_mode(0o2770);
        std::fs::set_permissions(dir.path(), shared).unwrap();
        let outer = dir.path().join("outer");
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&outer)
            .unwrap();
        let root = DirFd::open_path(dir.path()).unwrap();
        root.create_dir("outer")
            .unwrap()
            .create_dir("inner")
            .unwrap();
        for path in [outer.clone(), outer.join("inner")] {
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o2770, "{}", path.display());
        }
    }

    #[test]
    fn planted_links_pipes_and_directories_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let here = DirFd::open_path(dir.path()).unwrap();
        std::fs::write(dir.path().join("target"), "secret").unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        symlink("folder", dir.path().join("to-folder")).unwrap();
        fs::mknodat(
            &here.0,
            "pipe",
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();

        assert!(here.open("link").unwrap().is_none());
        assert!(here.open("pipe").unwrap().is_none());
        assert!(here.open("folder").unwrap().is_none());
        assert!(here.open_dir("to-folder").is_err());
        assert!(here.create_dir("to-folder").is_err());
        assert!(here.create("link").is_err());
        assert_eq!(here.file_size("link").unwrap(), None);
        assert_eq!(here.file_size("target").unwrap(), Some(6));
    }

    #[test]
    fn file_beyond_the_limit_is_read_one_byte_longer() {
        let dir = tempfile::tempdir().unwrap();
        let here = DirFd::open_path(dir.path()).unwrap();
        std::fs::write(dir.path().join("a"), "12345").unwrap();
        assert_eq!(here.read("a", 3).unwrap().unwrap().len(), 4);
        assert_eq!(here.read("a", 5).unwrap().unwrap(), b"12345");
        assert!(here.read("b", 5).unwrap().is_none());
    }
}
