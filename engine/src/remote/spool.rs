//! An upload on its way: a file without a name, so that a killed process leaves nothing, hashed while it is written. On
//! a file system that has no such files it has a name below the spool's directory. Blocking threads.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::protocol::Checksum;
use crate::{Result, error::IoContext as _, file_size::without_sigxfsz, uuid, writeback};

/// Bytes after which their writing to the disk begins.
const WRITEBACK: u64 = 8 << 20;

/// A file that is being written.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Its name, where it needs one.
    path: Option<PathBuf>,
    hash: Sha256,
    size: u64,
    /// Bytes that are on their way to the disk; `None`: the file gets no name, and need not reach it.
    flushed: Option<u64>,
}

impl Spool {
    /// Creates a file in a directory.
    ///
    /// # Errors
    /// The system's.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let unnamed = options
            .clone()
            .custom_flags(libc::O_CLOEXEC | libc::O_TMPFILE)
            .open(directory);
        let (file, path) = match unnamed {
            // Where /proc is not mounted, such a file gets no name later.
            Ok(file) if Path::new(&name_of(&file)).exists() => (file, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            _ => {
                let path = directory.join(uuid::v4().map_err(io::Error::other)?.to_string());
                let flags = libc::O_CLOEXEC | libc::O_NOFOLLOW;
                let file = options.create_new(true).custom_flags(flags).open(&path)?;
                (file, Some(path))
            }
        };
        Ok(Self {
            file,
            path,
            hash: Sha256::new(),
            size: 0,
            flushed: Some(0),
        })
    }

    /// Creates a file that gets no name, on any file system.
    ///
    /// # Errors
    /// The system's.
    pub fn create_unnamed(directory: &Path) -> io::Result<Self> {
        let mut spool = Self::create(directory)?;
        if let Some(path) = spool.path.take() {
            fs::remove_file(path)?;
        }
        spool.flushed = None;
        Ok(spool)
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The system's: the disk is full, or the file would be too large for it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        without_sigxfsz(|| self.file.write_all(bytes))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        if let Some(flushed) = &mut self.flushed
            && self.size - *flushed >= WRITEBACK
        {
            writeback::begin(&self.file, *flushed, self.size - *flushed);
            *flushed = self.size;
        }
        Ok(())
    }

    /// Lets `write` write the file, which is empty, and hashes it.
    ///
    /// # Errors
    /// Those of `write`, and the system's.
    pub fn fill<T>(&mut self, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
        let written = write(&mut self.file)?;
        let hashed = self.file.metadata().and_then(|found| {
            self.size = found.len();
            self.hash = hash(&self.file, self.size)?;
            Ok(())
        });
        hashed.context(|| "reading a file that was written")?;
        Ok(written)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        Checksum(self.hash.clone().finalize().into())
    }

    /// Appends bytes that are not part of the artifact, waits until the disk has all, and gives the file its name.
    /// Returns `false` if the name exists.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn publish(&self, trailer: &[u8], path: &Path) -> io::Result<bool> {
        without_sigxfsz(|| self.file.write_all_at(trailer, self.size))?;
        // A name must not outlive a crash of the machine without its bytes: no other writer would replace them.
        self.file.sync_all()?;
        let linked = match &self.path {
            Some(temporary) => fs::hard_link(temporary, path),
            None => link_unnamed(&self.file, path),
        };
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The file, for reading.
    ///
    /// # Errors
    /// The system's.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Hashes the first bytes of a file.
fn hash(file: &File, size: u64) -> io::Result<Sha256> {
    let (mut hash, mut offset) = (Sha256::new(), 0);
    let mut block = vec![0; 128 << 10];
    while offset < size {
        let len = block
            .len()
            .min(usize::try_from(size - offset).unwrap_or(usize::MAX));
        let part = block.get_mut(..len).unwrap_or_default();
        file.read_exact_at(part, offset)?;
        hash.update(&*part);
        offset += len as u64;
    }
    Ok(hash)
}

impl Checksum {
    /// Hashes the first `size` bytes of a file. Blocks on the disk.
    ///
    /// # Errors
    /// The system's; the file is shorter.
    pub fn of_file(file: &File, size: u64) -> io::Result<Self> {
        Ok(Self(hash(file, size)?.finalize().into()))
    }
}

fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};

    let flags = AtFlags::SYMLINK_FOLLOW;
    Ok(linkat(CWD, name_of(file), CWD, path, flags)?)
}

/// The name of an open file in the table of this process.
fn name_of(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
