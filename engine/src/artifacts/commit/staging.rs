//! A binary that is being added to the store: written or copied into a temporary file of the same file system, hashed
//! and bounded in size. Threads that may wait for a disk.

use std::{
    fs::File,
    io::{self, Write},
    time::Instant,
};

use sha2::{Digest as _, Sha256};

use super::{
    copy::{self, CopyError},
    temp_file::TempFile,
};
use crate::{Error, Result, error::IoContext as _};

/// Created by [`Store::stage`](crate::artifacts::Store::stage) and consumed by
/// [`Store::commit`](crate::artifacts::Store::commit). Dropped before that, it removes its file.
#[derive(Debug)]
pub struct Staging {
    temp: TempFile,
    hasher: Sha256,
    size: u64,
    limit: u64,
    since: Instant,
}

/// A complete binary.
pub(in crate::artifacts) struct Staged {
    pub temp: TempFile,
    pub sha256: [u8; 32],
    pub size: u64,
    pub since: Instant,
}

impl Staging {
    pub(in crate::artifacts) fn new(temp: TempFile, limit: u64) -> Self {
        Self {
            temp,
            hasher: Sha256::new(),
            size: 0,
            limit,
            since: Instant::now(),
        }
    }

    /// Lowers the size limit.
    #[must_use]
    pub fn limited(mut self, bytes: u64) -> Self {
        self.limit = self.limit.min(bytes);
        self
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The file, to read it again (its header, for one) with positioned reads.
    #[must_use]
    pub fn file(&self) -> &File {
        self.temp.file()
    }

    /// Appends the first `len` bytes of a file. Calls `cancelled` every few megabytes.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Io`] if the file is shorter, too long for the store, or a disk is full or broken.
    /// The staging is then of no use.
    pub fn copy_from(
        &mut self,
        source: &File,
        len: u64,
        mut cancelled: impl FnMut() -> bool,
    ) -> Result<()> {
        let doing = || format!("copying {len} bytes into the artifact cache");
        self.check_limit(len).context(doing)?;
        let target = self.temp.file();
        copy::copy(
            source,
            target,
            self.size,
            len,
            &mut self.hasher,
            &mut cancelled,
        )
        .map_err(|stop| match stop {
            CopyError::Cancelled => Error::Cancelled("the copy was cancelled".to_owned()),
            CopyError::Io(error) => Error::io(doing(), error),
        })?;
        self.size += len;
        // Positioned writes don't move the file's offset, from which `write` goes on.
        io::Seek::seek(&mut self.temp.file(), io::SeekFrom::Start(self.size)).context(doing)?;
        Ok(())
    }

    /// Completes the binary.
    pub(in crate::artifacts) fn finish(self) -> Staged {
        Staged {
            temp: self.temp,
            sha256: self.hasher.finalize().into(),
            size: self.size,
            since: self.since,
        }
    }

    fn check_limit(&self, more: u64) -> io::Result<()> {
        if self.size.saturating_add(more) > self.limit {
            let text = format!("it is larger than the limit of {} bytes", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(())
    }
}

impl Write for Staging {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_limit(bytes.len() as u64)?;
        let written = self.temp.file().write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
