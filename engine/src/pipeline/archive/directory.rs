//! Files relative to an open directory, so that no symbolic link leads elsewhere and a moved directory stays the same
//! one. Names are bytes. Blocking threads.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

use crate::{descriptors, uuid};

const HERE: OFlags = OFlags::DIRECTORY
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);
/// Access of the owner, while the content of a directory is created.
const OWN: u16 = 0o700;

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

/// A name of a directory, without following a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) kind: FileType,
    /// The nine permission bits.
    pub(super) mode: u16,
}

impl Directory {
    /// Opens the root, which the user named; links on its path are the user's own.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        descriptors::reserve_stdio();
        Ok(Self(fs::open(path, HERE, Mode::empty())?))
    }

    /// Opens a subdirectory; a link is refused.
    pub(super) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let flags = HERE | OFlags::NOFOLLOW;
        Ok(Self(fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens a subdirectory, or creates it. One that the archive has is made accessible to its owner.
    pub(super) fn create(&self, name: &OsStr, is_entry: bool) -> io::Result<Self> {
        let mode = if is_entry { OWN } else { 0o777 };
        match fs::mkdirat(&self.0, name, Mode::from_raw_mode(mode.into())) {
            Ok(()) => self.enter(name),
            Err(Errno::EXIST) => {
                let entered = self.enter(name)?;
                let mode = (fs::fstat(&entered.0)?.st_mode & 0o777) as u16;
                if is_entry && mode & OWN != OWN {
                    entered.set_mode(mode | OWN)?;
                }
                Ok(entered)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn set_mode(&self, mode: u16) -> io::Result<()> {
        Ok(fs::fchmod(&self.0, Mode::from_raw_mode(mode.into()))?)
    }

    /// Looks at a name; `None` if it is absent.
    pub(super) fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Found {
                kind: FileType::from_raw_mode(stat.st_mode),
                mode: (stat.st_mode & 0o777) as u16,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading; a link is refused, a pipe is not waited for.
    pub(super) fn read(&self, name: &OsStr) -> io::Result<File> {
        descriptors::reserve_stdio();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        Ok(fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// The target of a link.
    pub(super) fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Creates a file under a temporary name, for its owner only.
    pub(super) fn create_temporary(&self) -> io::Result<Temporary<'_>> {
        descriptors::reserve_stdio();
        let name = temporary_name()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = fs::openat(&self.0, &*name, flags | OFlags::NOFOLLOW, mode)?;
        Ok(Temporary {
            directory: self,
            name: Some(name),
            file: Some(file.into()),
        })
    }

    /// Creates a link under a temporary name.
    pub(super) fn create_link(&self, target: &[u8]) -> io::Result<Temporary<'_>> {
        let name = temporary_name()?;
        fs::symlinkat(OsStr::from_bytes(target), &self.0, &*name)?;
        Ok(Temporary {
            directory: self,
            name: Some(name),
            file: None,
        })
    }

    /// Whether names that differ in case are one name here.
    pub(super) fn ignores_case(&self) -> io::Result<bool> {
        let temporary = self.create_temporary()?;
        let name = temporary.name.as_deref().unwrap_or_default();
        let other = name.to_ascii_uppercase();
        Ok(self.find(&other)?.is_some())
    }
}

fn temporary_name() -> io::Result<OsString> {
    let id = uuid::v4().map_err(io::Error::other)?;
    Ok(format!(".pillion-{id}").into())
}

/// A file or link under a temporary name; removed when it is dropped before it got its own.
#[derive(Debug)]
pub(super) struct Temporary<'a> {
    directory: &'a Directory,
    name: Option<OsString>,
    file: Option<File>,
}

impl Temporary<'_> {
    pub(super) fn file(&self) -> io::Result<&File> {
        self.file
            .as_ref()
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Sets the mode of a file.
    pub(super) fn set_mode(&self, mode: u16) -> io::Result<()> {
        Ok(fs::fchmod(self.file()?, Mode::from_raw_mode(mode.into()))?)
    }

    /// Gives it its name, and replaces a file or a link there, but no directory.
    pub(super) fn publish(mut self, name: &OsStr) -> io::Result<()> {
        if let Some(temporary) = &self.name {
            fs::renameat(&self.directory.0, &**temporary, &self.directory.0, name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = fs::unlinkat(&self.directory.0, &**name, AtFlags::empty());
        }
    }
}
