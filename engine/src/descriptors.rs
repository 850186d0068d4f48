//! Descriptors 0 to 2. A daemon closes them, and the next file that is opened gets their numbers: PHP's output would go
//! into one of Pillion's files or connections. So closed ones are occupied by `/dev/null` before a file is opened, each
//! time anew, because a script may close them at any moment. Any thread.

use std::{ffi::CStr, os::fd::RawFd};

/// Occupies a closed number.
const DEV_NULL: &CStr = c"/dev/null";

/// Occupies the closed ones of 0 to 2. Three system calls if none is closed.
pub(crate) fn reserve_stdio() {
    for number in 0..=libc::STDERR_FILENO {
        // SAFETY: asks for a flag of a number, open or not.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
            continue;
        }
        let taken = open_null();
        // Another thread has taken the number meanwhile.
        if taken > libc::STDERR_FILENO {
            // SAFETY: opened above, with no other owner.
            unsafe { libc::close(taken) };
        }
    }
}

/// Opens `/dev/null` at the lowest free number. A child program doesn't inherit it: the number is closed there too.
fn open_null() -> RawFd {
    // SAFETY: a C string.
    let opened = unsafe { libc::open(DEV_NULL.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if opened >= 0 {
        return opened;
    }
    // A changed root may have no /dev/null. A socket without a peer neither accepts nor yields bytes.
    // SAFETY: no pointers pass.
    unsafe {
        libc::socket(
            libc::AF_UNIX,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            0,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn target(number: RawFd) -> Option<PathBuf> {
        fs::read_link(format!("/proc/self/fd/{number}")).ok()
    }

    #[test]
    fn closed_descriptors_are_occupied_and_open_ones_unchanged() {
        // SAFETY: the child uses only what is safe after a fork, and ends with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let before = target(2);
            // SAFETY: this child's own copies.
            unsafe {
                libc::close(0);
                libc::close(1);
            }
            reserve_stdio();
            let null = Some(PathBuf::from("/dev/null"));
            let held = target(0) == null && target(1) == null && target(2) == before;
            reserve_stdio();
            // SAFETY: ends the child without the test harness's own exit.
            unsafe { libc::_exit(if held && open_null() > 2 { 7 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
