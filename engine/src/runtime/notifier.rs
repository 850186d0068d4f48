//! The socket pair behind `Pillion\notifier()`: one end becomes a PHP stream and belongs to PHP, which may close it at
//! any time; the other belongs to the runtime. A forked child would share both with its parent and steal its wake-ups,
//! so a fresh pair replaces them under the same descriptor numbers. That runs in the fork handler, hence the fixed
//! table of atomics.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicI32, AtomicU64, Ordering},
};

use crate::descriptors;

/// PHP threads of one process that may have a notifier at the same time.
const MAX_NOTIFIERS: usize = 1024;

struct SocketPair {
    php: AtomicI32,
    ours: AtomicI32,
    php_inode: AtomicU64,
}

static TABLE: [SocketPair; MAX_NOTIFIERS] = [const {
    SocketPair {
        php: AtomicI32::new(-1),
        ours: AtomicI32::new(-1),
        php_inode: AtomicU64::new(0),
    }
}; MAX_NOTIFIERS];

/// The runtime's end of the pair. Bytes sent to it make PHP's end readable.
#[derive(Debug)]
pub(super) struct Notifier {
    ours: RawFd,
    index: usize,
}

impl Notifier {
    /// Creates a pair; the second value is PHP's end.
    pub(super) fn new() -> io::Result<(Self, OwnedFd)> {
        descriptors::reserve_stdio();
        let [php, ours] = pair()?;
        let inode = inode(php).unwrap_or(0);
        let index = TABLE.iter().position(|entry| {
            entry
                .ours
                .compare_exchange(-1, ours, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        });
        // SAFETY: `pair` created it, and it has no other owner.
        let php_end = unsafe { OwnedFd::from_raw_fd(php) };
        let Some((index, entry)) = index.and_then(|index| Some((index, TABLE.get(index)?))) else {
            // SAFETY: as above, for the other end.
            drop(unsafe { OwnedFd::from_raw_fd(ours) });
            return Err(io::Error::other("too many notifiers in this process"));
        };
        entry.php_inode.store(inode, Ordering::Release);
        entry.php.store(php, Ordering::Release);
        Ok((Self { ours, index }, php_end))
    }

    /// In a forked child: takes the fresh pair that replaced the parent's pair at `index`.
    pub(super) fn adopt(index: usize) -> Option<Self> {
        let ours = TABLE.get(index)?.ours.load(Ordering::Acquire);
        (ours >= 0).then_some(Self { ours, index })
    }

    /// The index of the pair in the table, for the child that will adopt it.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Makes PHP's end readable. Returns `false` if PHP has closed it.
    pub(super) fn signal(&self) -> bool {
        loop {
            // SAFETY: one byte from a valid address; no SIGPIPE.
            let sent = unsafe {
                libc::send(
                    self.ours,
                    c"!".as_ptr().cast(),
                    1,
                    libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
                )
            };
            if sent == 1 {
                return true;
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                // A full socket is readable already.
                Some(libc::EAGAIN) => return true,
                _ => return false,
            }
        }
    }

    /// Takes back the bytes that PHP's end has not read, so that it stops being readable.
    pub(super) fn clear(&self) {
        let Some(entry) = TABLE.get(self.index) else {
            return;
        };
        let php = entry.php.load(Ordering::Acquire);
        if inode(php) != Some(entry.php_inode.load(Ordering::Acquire)) {
            return;
        }
        let mut bytes = [0u8; 64];
        // SAFETY: reads into `bytes`; the descriptor was just found to be PHP's end.
        while unsafe { libc::recv(php, bytes.as_mut_ptr().cast(), 64, libc::MSG_DONTWAIT) } > 0 {}
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(entry) = TABLE.get(self.index) {
            entry.php.store(-1, Ordering::Release);
            entry.ours.store(-1, Ordering::Release);
        }
        // SAFETY: the runtime's end, closed here and nowhere else.
        unsafe { libc::close(self.ours) };
    }
}

/// Replaces inherited pairs by fresh ones, from the fork handler in the child. Async-signal-safe. The inherited
/// [`Notifier`]s must be forgotten; the child's queue adopts the fresh pair with [`Notifier::adopt`].
pub fn after_fork() {
    for entry in &TABLE {
        let ours = entry.ours.load(Ordering::Acquire);
        let php = entry.php.load(Ordering::Acquire);
        if ours < 0 {
            continue;
        }
        // PHP may have closed its end, and the number may belong to another file by now.
        if php >= 0
            && inode(php) == Some(entry.php_inode.load(Ordering::Acquire))
            && let Ok([fresh, other]) = pair()
        {
            // SAFETY: plain system calls on descriptors that this child owns copies of.
            unsafe {
                libc::dup3(fresh, php, libc::O_CLOEXEC);
                libc::dup3(other, ours, libc::O_CLOEXEC);
                libc::close(fresh);
                libc::close(other);
            }
            entry
                .php_inode
                .store(inode(php).unwrap_or(0), Ordering::Release);
        } else {
            entry.php.store(-1, Ordering::Release);
            entry.ours.store(-1, Ordering::Release);
            // SAFETY: this child's copy of the runtime's end.
            unsafe { libc::close(ours) };
        }
    }
}

fn pair() -> io::Result<[RawFd; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: fills the two descriptors.
    let created = unsafe {
        libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            0,
            ends.as_mut_ptr(),
        )
    };
    if created == 0 {
        Ok(ends)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn inode(fd: RawFd) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the struct where it succeeds.
    unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return None;
        }
        let stat = stat.assume_init();
        (stat.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(stat.st_ino)
    }
}
