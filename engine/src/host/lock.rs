//! File locks between unrelated processes: flock(2), because the kernel releases it with the last
//! descriptor, also after `kill -9`. Always tried and never blocking, since a blocked flock cannot be
//! cancelled. After locking, the file's identity is compared with the path's: a cleaner of temporary
//! files may have replaced it under its holders. Lock files are never unlinked. Any thread.

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

/// Who else may hold the lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Other holders of [`Kind::Shared`].
    Shared,
    /// Nobody.
    Exclusive,
}

/// A held lock; released when dropped, or by the kernel when the process dies. In a forked child
/// it is inert: the child's copy of the descriptor is already closed.
#[derive(Debug)]
pub struct Lock {
    file: ManuallyDrop<File>,
    slot: usize,
    generation: u32,
    path: PathBuf,
}

impl Lock {
    /// Tries once. `None`: somebody else holds it.
    ///
    /// # Errors
    /// The file can't be opened or made, is no regular file, or this process holds too many locks.
    pub fn attempt(path: &Path, kind: Kind) -> io::Result<Option<Self>> {
        // Tried anew where the file was replaced, or the process forked, between two lines here.
        for _ in 0..8 {
            let forks = fork::begun();
            let file = files::open(path, OpenOptions::new().read(true).write(true))?;
            let generation = fork::generation();
            let Some(slot) = fork::remember(file.as_raw_fd()) else {
                return Err(io::Error::other("too many file locks in this process"));
            };
            let lock = Self {
                file: ManuallyDrop::new(file),
                slot,
                generation,
                path: path.to_owned(),
            };
            if forks != fork::begun() {
                continue;
            }
            if !lock.convert(kind)? {
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

    /// Tries until `deadline` has passed, pausing 1 ms and more, with a thread's sleep: for short
    /// critical sections on threads that may block. `None`: still held by somebody else.
    ///
    /// # Errors
    /// As [`Lock::attempt`].
    pub fn within(path: &Path, kind: Kind, deadline: Duration) -> io::Result<Option<Self>> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(lock) = Self::attempt(path, kind)? {
                return Ok(Some(lock));
            }
            if start.elapsed() >= deadline {
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Whether somebody holds an exclusive lock on the file at `path` at this moment.
    ///
    /// # Errors
    /// The file exists and can't be opened. A file that isn't there is nobody's.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        if !path.try_exists()? {
            return Ok(false);
        }
        Ok(Self::attempt(path, Kind::Shared)?.is_none())
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

    /// Changes from shared to exclusive or back without ever waiting. `false`: not possible now; what
    /// was held before may then be lost, as flock(2) tells, so the caller lets go and starts anew.
    ///
    /// # Errors
    /// The system's.
    pub fn convert(&self, kind: Kind) -> io::Result<bool> {
        self.flock(match kind {
            Kind::Shared => libc::LOCK_SH,
            Kind::Exclusive => libc::LOCK_EX,
        })
    }

    fn flock(&self, operation: i32) -> io::Result<bool> {
        loop {
            // SAFETY: the descriptor is open for as long as `self` lives in this generation.
            let answer = unsafe { libc::flock(self.file.as_raw_fd(), operation | libc::LOCK_NB) };
            if answer == 0 {
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
        fork::forget(self.slot);
        // SAFETY: `file` is dropped here and nowhere else.
        unsafe { ManuallyDrop::drop(&mut self.file) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_exclusive_lock_is_refused_and_a_dropped_one_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let first = Lock::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        assert!(Lock::attempt(&path, Kind::Exclusive).unwrap().is_none());
        assert!(Lock::is_held(&path).unwrap());
        drop(first);
        assert!(!Lock::is_held(&path).unwrap());
        assert!(Lock::attempt(&path, Kind::Shared).unwrap().is_some());
    }

    #[test]
    fn shared_holders_keep_an_exclusive_one_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let first = Lock::attempt(&path, Kind::Shared).unwrap().unwrap();
        let second = Lock::attempt(&path, Kind::Shared).unwrap().unwrap();
        assert!(Lock::attempt(&path, Kind::Exclusive).unwrap().is_none());
        drop(first);
        assert!(second.convert(Kind::Exclusive).unwrap());
    }

    #[test]
    fn a_replaced_lock_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let old = Lock::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!old.is_current());
        let new = Lock::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        assert!(new.is_current());
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::write(&target, "").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Lock::attempt(&link, Kind::Exclusive).is_err());
    }

    #[test]
    fn the_lock_of_a_killed_process_is_free_though_its_forked_child_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        fork::install();
        let (read, write) = std::io::pipe().unwrap();
        // SAFETY: the child uses only what is safe after a fork and ends with _exit or a signal.
        let holder = unsafe { libc::fork() };
        if holder == 0 {
            let _lock = Lock::attempt(&path, Kind::Exclusive).unwrap().unwrap();
            // SAFETY: as above.
            let grandchild = unsafe { libc::fork() };
            if grandchild == 0 {
                drop(read);
                std::thread::sleep(Duration::from_secs(12));
            } else {
                std::io::Write::write_all(&mut &write, b"x").unwrap();
                std::thread::sleep(Duration::from_secs(12));
            }
            // SAFETY: ends the child without running the test harness's own exit.
            unsafe { libc::_exit(0) };
        }
        let mut byte = [0];
        std::io::Read::read_exact(&mut &read, &mut byte).unwrap();
        assert!(Lock::is_held(&path).unwrap());
        // SAFETY: `holder` is our child.
        unsafe { libc::kill(holder, libc::SIGKILL) };
        // SAFETY: as above.
        unsafe { libc::waitpid(holder, std::ptr::null_mut(), 0) };
        // The grandchild may not have run since it was made; it sleeps for longer than this.
        let died = Instant::now();
        while Lock::is_held(&path).unwrap() && died.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(died.elapsed() < Duration::from_secs(10));
    }
}
