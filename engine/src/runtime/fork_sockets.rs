//! What a forked child inherits of its parent's runtime: the sockets and the poll set. A child's copy
//! keeps a connection open after the parent has dropped it or died, and the build server would go on
//! building for nobody. So the child closes its copies. Which ones they are the kernel tells: the poll
//! set's page in `/proc` names every descriptor in it. Where that can't be read, they stay open.
//!
//! [`Watched`] is made and dropped by those who start and stop the runtime; [`after_fork`] runs in the
//! fork handler, with atomics, system calls and the stack only.

use std::{
    ffi::CStr,
    fs, io,
    os::fd::{AsRawFd, RawFd},
    sync::atomic::{AtomicI32, Ordering},
};

use tokio::{net::UnixDatagram, runtime::Runtime};

/// The poll sets of this process' runtimes; those of more than a few go unnoticed.
static POLL_SETS: [AtomicI32; 8] = [const { AtomicI32::new(-1) }; 8];
/// A runtime of Tokio has two descriptors of its poll set.
const OF_A_RUNTIME: usize = 2;

/// The poll set of a living runtime, known to the fork handler until this is dropped: before the
/// runtime closes it.
#[derive(Debug)]
pub(super) struct Watched(Vec<RawFd>);

impl Watched {
    /// Finds the poll set of a runtime that was just made.
    pub(super) fn new(runtime: &Runtime) -> Self {
        let found = poll_sets(runtime).unwrap_or_default();
        let is_noted = |fd: &RawFd| {
            POLL_SETS.iter().any(|entry| {
                entry
                    .compare_exchange(-1, *fd, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            })
        };
        Self(found.into_iter().filter(is_noted).collect())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for fd in &self.0 {
            for entry in &POLL_SETS {
                let _ = entry.compare_exchange(*fd, -1, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }
}

/// The descriptors of the runtime's poll set: those in whose set a probe turns up.
fn poll_sets(runtime: &Runtime) -> io::Result<Vec<RawFd>> {
    let _inside = runtime.enter();
    let probe = UnixDatagram::unbound()?;
    let number = probe.as_raw_fd();
    let inode = inode(number).ok_or_else(io::Error::last_os_error)?;
    let highest = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .max()
        .unwrap_or(number);
    // They were made a moment before the probe, so they mostly lie right below it; above it where another
    // thread has closed something in between.
    Ok((0..number)
        .rev()
        .chain(number..=highest)
        .filter(|fd| watches(*fd, number, inode))
        .take(OF_A_RUNTIME)
        .collect())
}

/// Whether `poll_set` is one, and has that file in it. The number alone says nothing: a file that was closed
/// here while a child still had it open stays in the sets of others under a number that is free again.
fn watches(poll_set: RawFd, number: RawFd, inode: u64) -> bool {
    let (entry, ending) = (format!("tfd: {number:8} "), format!(" ino:{inode:x} "));
    fs::read_to_string(format!("/proc/self/fdinfo/{poll_set}")).is_ok_and(|page| {
        let mut lines = page.lines();
        lines.any(|line| line.starts_with(&entry) && line.contains(&ending))
    })
}

/// Closes this child's copies. Async-signal-safe.
pub(super) fn after_fork() {
    for entry in &POLL_SETS {
        let poll_set = entry.swap(-1, Ordering::AcqRel);
        if poll_set >= 0 {
            close_members(poll_set);
            // SAFETY: this child's copy; whoever would close it is the parent's runtime.
            unsafe { libc::close(poll_set) };
        }
    }
}

fn close_members(poll_set: RawFd) {
    let mut path = *b"/proc/self/fdinfo/\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut digits = [0u8; 11];
    let mut length = 0;
    let mut rest = poll_set.unsigned_abs();
    for digit in &mut digits {
        *digit = b'0' + (rest % 10) as u8;
        length += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let end = path.iter_mut().skip(18);
    for (place, digit) in end.zip(digits.iter().take(length).rev()) {
        *place = *digit;
    }
    let Ok(path) = CStr::from_bytes_until_nul(&path) else {
        return;
    };
    // SAFETY: a C string; the descriptor is closed below.
    let page = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if page < 0 {
        return;
    }
    let mut members = Members::default();
    let mut bytes = [0u8; 4096];
    loop {
        // SAFETY: reads at most as many bytes as there are.
        let read = unsafe { libc::read(page, bytes.as_mut_ptr().cast(), bytes.len()) };
        let Some(read) = usize::try_from(read).ok().filter(|read| *read > 0) else {
            break;
        };
        for byte in bytes.iter().take(read) {
            if let Some((fd, inode)) = members.take(*byte)
                && fd != page
                && is_file(fd, inode)
            {
                // SAFETY: this child's copy of a file that the parent's runtime owns.
                unsafe { libc::close(fd) };
            }
        }
    }
    // SAFETY: opened above.
    unsafe { libc::close(page) };
}

/// Whether a number still leads to the file that is in the poll set.
fn is_file(fd: RawFd, expected: u64) -> bool {
    inode(fd) == Some(expected)
}

fn inode(fd: RawFd) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the struct where it succeeds.
    unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init().st_ino) }
}

/// Reads `tfd: 5 events: 19 data: 7f… pos:0 ino:61af sdev:7` byte by byte (proc(5), fdinfo of epoll).
#[derive(Default)]
struct Members {
    word: [u8; 4],
    fd: Option<RawFd>,
    inode: Option<u64>,
}

impl Members {
    /// A line's descriptor and inode, at its end.
    fn take(&mut self, byte: u8) -> Option<(RawFd, u64)> {
        if byte == b'\n' {
            let line = std::mem::take(self);
            return line.fd.zip(line.inode);
        }
        match (&self.word, byte) {
            (b"tfd:", b' ') => {}
            (b"tfd:", b'0'..=b'9') => {
                let before = self.fd.unwrap_or(0);
                self.fd = Some(before.wrapping_mul(10).wrapping_add(i32::from(byte - b'0')));
            }
            (b"ino:", b'0'..=b'9' | b'a'..=b'f') => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                self.inode = Some(self.inode.unwrap_or(0) << 4 | u64::from(digit));
            }
            // The digits are over: wait for the next word.
            (b"tfd:" | b"ino:", _) => self.word = [0, 0, 0, byte],
            _ => {
                self.word.rotate_left(1);
                self.word[3] = byte;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::FromRawFd as _, os::unix::net::UnixDatagram as Socket};

    use super::*;

    #[test]
    fn a_file_that_was_closed_here_and_lives_elsewhere_is_not_taken_for_the_one_that_has_its_number_now()
     {
        for _ in 0..1000 {
            // SAFETY: a descriptor that nobody else has.
            let set = unsafe { File::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
            let first = Socket::unbound().unwrap();
            let (number, its_inode) = (first.as_raw_fd(), inode(first.as_raw_fd()).unwrap());
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            // SAFETY: both descriptors are open.
            let added = unsafe {
                libc::epoll_ctl(set.as_raw_fd(), libc::EPOLL_CTL_ADD, number, &raw mut event)
            };
            assert_eq!(added, 0);
            assert!(watches(set.as_raw_fd(), number, its_inode));
            // As a forked child has it.
            let _elsewhere = first.try_clone().unwrap();
            drop(first);
            let second = Socket::unbound().unwrap();
            // Another test's thread may have been given the number.
            if second.as_raw_fd() == number {
                assert!(
                    watches(set.as_raw_fd(), number, its_inode),
                    "the kernel keeps it"
                );
                assert!(!watches(set.as_raw_fd(), number, inode(number).unwrap()));
                return;
            }
        }
        panic!("the number was never given again");
    }
}
