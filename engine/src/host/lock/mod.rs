//! File locks between unrelated processes: flock(2), because the kernel releases it with the last descriptor, also
//! after `kill -9`. Never blocking, because a blocked flock can't be cancelled. After locking, the file's identity is
//! compared with the path's, because a cleaner of temporary files may have replaced it. Lock files are never unlinked.
//! Any thread.

mod holders;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io,
    mem::ManuallyDrop,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{files, fork};

pub use holders::holders;

/// How a lock excludes others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Excludes [`LockMode::Exclusive`] holders.
    Shared,
    /// Excludes all other holders.
    Exclusive,
}

/// Attempts to lock a file that is replaced, or while the process forks.
const MAX_ATTEMPTS: usize = 8;
/// Pauses of [`Lock::within`].
const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// A held lock; released when it is dropped, or by the kernel when the process dies. In a forked child it does nothing,
/// because the child's copy of the descriptor is already closed.
#[derive(Debug)]
pub struct Lock {
    file: ManuallyDrop<File>,
    slot: usize,
    generation: u32,
    path: PathBuf,
}

impl Lock {
    /// Tries once. Returns `None` if the lock is held.
    ///
    /// # Errors
    /// The file can't be opened or created, is no regular file, or this process holds too many locks.
    pub fn attempt(path: &Path, mode: LockMode) -> io::Result<Option<Self>> {
        // Again if the file is replaced, or the process forks, between two lines here.
        for _ in 0..MAX_ATTEMPTS {
            let forks = fork::forks_begun();
            let file = files::open(path, OpenOptions::new().read(true).write(true))?;
            let generation = fork::generation();
            let Some(slot) = fork::register_lock(file.as_raw_fd()) else {
                return Err(io::Error::other("too many file locks in this process"));
            };
            let lock = Self {
                file: ManuallyDrop::new(file),
                slot,
                generation,
                path: path.to_owned(),
            };
            if forks != fork::forks_begun() {
                continue;
            }
            if !lock.convert(mode)? {
                return Ok(None);
            }
            if lock.is_current() {
                return Ok(Some(lock));
            }
        }
        Err(io::Error::other(
            "the lock file is replaced again and again",
        ))
    }

    /// Tries until `timeout` has passed, and sleeps in between: for short critical sections on threads that may block.
    /// Returns `None` if the lock is still held.
    ///
    /// # Errors
    /// As [`Lock::attempt`].
    pub fn within(path: &Path, mode: LockMode, timeout: Duration) -> io::Result<Option<Self>> {
        let start = Instant::now();
        let mut pause = MIN_PAUSE;
        loop {
            if let Some(lock) = Self::attempt(path, mode)? {
                return Ok(Some(lock));
            }
            if start.elapsed() >= timeout {
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Whether the file at `path` is locked exclusively now. An absent file is not.
    ///
    /// # Errors
    /// The file exists and can't be opened.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        if !path.try_exists()? {
            return Ok(false);
        }
        Ok(Self::attempt(path, LockMode::Shared)?.is_none())
    }

    /// The locked file, for its content.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The path that was locked.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the locked file.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let (Ok(held), Ok(named)) = (self.file.metadata(), self.path.symlink_metadata()) else {
            return false;
        };
        held.dev() == named.dev() && held.ino() == named.ino()
    }

    /// Changes the mode without waiting. Returns `false` if that is not possible now; the lock may then be lost (see
    /// flock(2)), so the caller drops it and starts again.
    ///
    /// # Errors
    /// An I/O error.
    pub fn convert(&self, mode: LockMode) -> io::Result<bool> {
        self.flock(match mode {
            LockMode::Shared => libc::LOCK_SH,
            LockMode::Exclusive => libc::LOCK_EX,
        })
    }

    fn flock(&self, operation: i32) -> io::Result<bool> {
        loop {
            // SAFETY: the descriptor is open for as long as `self` lives in this generation.
            let result = unsafe { libc::flock(self.file.as_raw_fd(), operation | libc::LOCK_NB) };
            if result == 0 {
                return Ok(true);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EWOULDBLOCK) => return Ok(false),
                Some(libc::EINTR) => {}
                _ => return Err(error),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            return;
        }
        fork::unregister_lock(self.slot);
        // SAFETY: `file` is dropped here and nowhere else.
        unsafe { ManuallyDrop::drop(&mut self.file) };
    }
}
