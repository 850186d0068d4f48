//! Where lines end: standard error and files. One write(2) a line, so that lines of several processes
//! never mix. What can't be taken at once is lost rather than waited for, on PHP's threads always,
//! on the writer thread after a while.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::RawFd,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{descriptors, file_size::without_sigxfsz};

/// The inode of the socket that was standard error when PHP started (of a journal, say); 0: it was none.
static STDERR_SOCKET: AtomicU64 = AtomicU64::new(0);

/// Remembers what standard error is. When PHP starts.
pub(super) fn note_stderr() {
    let inode = socket_inode(libc::STDERR_FILENO).unwrap_or(0);
    STDERR_SOCKET.store(inode, Ordering::Relaxed);
}

/// Whether the number of standard error is that of a connection by now: a daemon has closed it, and the application's
/// next connection was given the number.
fn is_connection(fd: RawFd) -> bool {
    fd == libc::STDERR_FILENO
        && socket_inode(fd).is_some_and(|inode| inode != STDERR_SOCKET.load(Ordering::Relaxed))
}

fn socket_inode(fd: RawFd) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the struct where it succeeds.
    let stat = unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }?;
    (stat.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(stat.st_ino)
}

/// Writes a line to a descriptor that others share, so its flags stay as they are. Asks first whether
/// it would block, for up to `patience`; a pipe that says no longer has room for a whole line.
///
/// # Errors
/// Nobody takes the line, or not in time.
pub(super) fn write_shared(fd: RawFd, line: &str, patience: Duration) -> io::Result<()> {
    if is_connection(fd) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one valid entry. An error leaves `revents` at zero, and the line is given up.
    unsafe { libc::poll(&raw mut poll, 1, millis) };
    match poll.revents {
        libc::POLLOUT => {}
        0 => return Err(io::ErrorKind::WouldBlock.into()),
        // The reader has gone, and writing would raise SIGPIPE.
        _ => return Err(io::ErrorKind::BrokenPipe.into()),
    }
    // SAFETY: the pointer and the length are those of `line`.
    let written = without_sigxfsz(|| unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) });
    if written < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Appends a line to a file that is opened for it alone: nothing stays open that a fork would share,
/// and a rotated file is never written to. `may_create`: false for a master of the superuser, whose
/// children could not write to what it made.
///
/// # Errors
/// The system's.
pub(super) fn append_once(path: &Path, line: &str, may_create: bool) -> io::Result<()> {
    let mut file = open(path, may_create)?;
    without_sigxfsz(|| file.write(line.as_bytes())).map(drop)
}

fn open(path: &Path, may_create: bool) -> io::Result<File> {
    descriptors::reserve_stdio();
    OpenOptions::new()
        .append(true)
        .create(may_create)
        .mode(0o640)
        .custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// A log file that stays open, on the writer thread.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    open: Option<(File, u64, u64)>,
}

impl LogFile {
    /// Closes the file where its path leads to another one by now, or to none: it was rotated.
    pub(super) fn refresh(&mut self, path: &Path) {
        if let Some((_, device, inode)) = self.open
            && !path
                .metadata()
                .is_ok_and(|named| named.dev() == device && named.ino() == inode)
        {
            self.open = None;
        }
    }

    /// Appends a line; opens the file first, where it is not open.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn append(&mut self, path: &Path, line: &str) -> io::Result<()> {
        let file = match &mut self.open {
            Some((file, ..)) => file,
            None => {
                let file = open(path, true)?;
                let held = file.metadata()?;
                &mut self.open.insert((file, held.dev(), held.ino())).0
            }
        };
        file.write(line.as_bytes()).map(drop)
    }
}
