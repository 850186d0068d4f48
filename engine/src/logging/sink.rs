//! Writes lines to standard error and files. One write(2) a line, so that lines of several processes never mix. A line
//! that can't be written at once is dropped: always on PHP's threads, after a timeout on the writer thread.

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

/// The inode of standard error at start if it was a socket (of a journal, say), else 0.
static STDERR_SOCKET: AtomicU64 = AtomicU64::new(0);

/// Records the socket of standard error. Called when PHP starts.
pub(super) fn record_stderr() {
    let inode = socket_inode(libc::STDERR_FILENO).unwrap_or(0);
    STDERR_SOCKET.store(inode, Ordering::Relaxed);
}

/// Whether the descriptor of standard error now belongs to a connection: a daemon has closed it, and the application's
/// next connection got the number.
fn is_other_socket(fd: RawFd) -> bool {
    fd == libc::STDERR_FILENO
        && socket_inode(fd).is_some_and(|inode| inode != STDERR_SOCKET.load(Ordering::Relaxed))
}

fn socket_inode(fd: RawFd) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the struct where it succeeds.
    let stat = unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }?;
    (stat.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(stat.st_ino)
}

/// Writes a line to a descriptor that other processes share, so its flags are not changed. Polls first, for up to
/// `timeout`; a pipe that polls as writable has space for a whole line.
///
/// # Errors
/// The reader has closed the pipe, or the write would block for longer than `timeout`.
pub(super) fn write_shared(fd: RawFd, line: &str, timeout: Duration) -> io::Result<()> {
    if is_other_socket(fd) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one valid entry. An error leaves `revents` at zero, and the line is dropped.
    unsafe { libc::poll(&raw mut poll, 1, millis) };
    match poll.revents {
        libc::POLLOUT => {}
        0 => return Err(io::ErrorKind::WouldBlock.into()),
        // The reader has closed it, and writing would raise SIGPIPE.
        _ => return Err(io::ErrorKind::BrokenPipe.into()),
    }
    // SAFETY: the pointer and the length are those of `line`.
    let written = without_sigxfsz(|| unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) });
    if written < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Appends a line to a file that is opened for it: no descriptor stays open that a fork would share, and a rotated file
/// is never written to. `may_create` is `false` for php-fpm's master as root, whose children could not write to its
/// file.
///
/// # Errors
/// The system's error.
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
    /// Closes the file if its path refers to another file or to none because it was rotated.
    pub(super) fn refresh(&mut self, path: &Path) {
        if let Some((_, device, inode)) = self.open
            && !path
                .metadata()
                .is_ok_and(|named| named.dev() == device && named.ino() == inode)
        {
            self.open = None;
        }
    }

    /// Appends a line, opening the file first if necessary.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn append(&mut self, path: &Path, line: &str) -> io::Result<()> {
        let file = match &mut self.open {
            Some((file, ..)) => file,
            None => {
                let file = open(path, true)?;
                let metadata = file.metadata()?;
                &mut self.open.insert((file, metadata.dev(), metadata.ino())).0
            }
        };
        file.write(line.as_bytes()).map(drop)
    }
}
