//! Closes the sockets and the epoll set that a forked child inherits. A child's copy would keep a connection open after
//! the parent has cancelled its build or was killed, and the build server would go on with it. shutdown(2) does not
//! replace this: hyper owns the sockets, and a killed parent calls nothing. `/proc/self/fdinfo` of the epoll set lists
//! its members; where it can't be read, the copies stay open. [`PollSetGuard`] is created and dropped with the runtime;
//! [`after_fork`] runs in the fork handler, with atomics, system calls and the stack only.

use std::{
    ffi::CStr,
    fs, io,
    os::fd::{AsRawFd, RawFd},
    sync::atomic::{AtomicI32, Ordering},
};

use tokio::{net::UnixDatagram, runtime::Runtime};

/// The epoll sets of this process's runtimes; those beyond the capacity are not closed.
static POLL_SETS: [AtomicI32; 8] = [const { AtomicI32::new(-1) }; 8];
/// A Tokio runtime has two descriptors of its epoll set.
const DESCRIPTORS_PER_RUNTIME: usize = 2;

/// Registers the epoll set of a runtime with the fork handler. Dropped before the runtime closes the set.
#[derive(Debug)]
pub(super) struct PollSetGuard(Vec<RawFd>);

impl PollSetGuard {
    /// Finds and registers the epoll set of a runtime that was just created.
    pub(super) fn new(runtime: &Runtime) -> Self {
        let found = poll_sets(runtime).unwrap_or_default();
        let register = |fd: &RawFd| {
            POLL_SETS.iter().any(|entry| {
                entry
                    .compare_exchange(-1, *fd, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            })
        };
        Self(found.into_iter().filter(register).collect())
    }
}

impl Drop for PollSetGuard {
    fn drop(&mut self) {
        for fd in &self.0 {
            for entry in &POLL_SETS {
                let _ = entry.compare_exchange(*fd, -1, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }
}

/// Finds the descriptors of the runtime's epoll set: a probe socket is registered with the runtime, and the descriptors
/// that list it are the set's.
fn poll_sets(runtime: &Runtime) -> io::Result<Vec<RawFd>> {
    let _entered = runtime.enter();
    let probe = UnixDatagram::unbound()?;
    let number = probe.as_raw_fd();
    let inode = inode(number).ok_or_else(io::Error::last_os_error)?;
    let highest = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .max()
        .unwrap_or(number);
    // They were opened just before the probe, so their numbers are mostly right below its own, or above it if another
    // thread has closed a descriptor in between.
    Ok((0..number)
        .rev()
        .chain(number..=highest)
        .filter(|fd| contains(*fd, number, inode))
        .take(DESCRIPTORS_PER_RUNTIME)
        .collect())
}

/// Whether `poll_set` is an epoll set with that file in it. The number alone is not enough: a file that was closed here
/// while a child still had it open stays in other sets under a number that is free again.
fn contains(poll_set: RawFd, number: RawFd, inode: u64) -> bool {
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
            // SAFETY: this child's copy; only the parent's runtime would close it.
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
    for (byte, digit) in end.zip(digits.iter().take(length).rev()) {
        *byte = *digit;
    }
    let Ok(path) = CStr::from_bytes_until_nul(&path) else {
        return;
    };
    // SAFETY: a C string; the descriptor is closed below.
    let page = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if page < 0 {
        return;
    }
    let mut parser = FdinfoParser::default();
    let mut bytes = [0u8; 4096];
    loop {
        // SAFETY: reads at most as many bytes as there are.
        let read = unsafe { libc::read(page, bytes.as_mut_ptr().cast(), bytes.len()) };
        let Some(read) = usize::try_from(read).ok().filter(|read| *read > 0) else {
            break;
        };
        for byte in bytes.iter().take(read) {
            if let Some((fd, inode)) = parser.push(*byte)
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

/// Whether a descriptor still refers to the file in the epoll set.
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
struct FdinfoParser {
    word: [u8; 4],
    fd: Option<RawFd>,
    inode: Option<u64>,
}

impl FdinfoParser {
    /// Takes the next byte; returns the descriptor and inode of a line at its end.
    fn push(&mut self, byte: u8) -> Option<(RawFd, u64)> {
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
            // After the digits: wait for the next word.
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
    fn poll_set_member_is_matched_by_inode_not_number() {
        for _ in 0..1000 {
            // SAFETY: a new descriptor with no other owner.
            let set = unsafe { File::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
            let first = Socket::unbound().unwrap();
            let (number, first_inode) = (first.as_raw_fd(), inode(first.as_raw_fd()).unwrap());
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            // SAFETY: both descriptors are open.
            let added = unsafe {
                libc::epoll_ctl(set.as_raw_fd(), libc::EPOLL_CTL_ADD, number, &raw mut event)
            };
            assert_eq!(added, 0);
            assert!(contains(set.as_raw_fd(), number, first_inode));
            // A copy, such as a forked child has.
            let _copy = first.try_clone().unwrap();
            drop(first);
            let second = Socket::unbound().unwrap();
            // Another test's thread may have got the number.
            if second.as_raw_fd() == number {
                assert!(
                    contains(set.as_raw_fd(), number, first_inode),
                    "the kernel still lists it"
                );
                assert!(!contains(set.as_raw_fd(), number, inode(number).unwrap()));
                return;
            }
        }
        panic!("the number was not reused");
    }
}
