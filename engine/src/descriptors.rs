//! Descriptors 0 to 2. A daemon closes them, and what is opened next gets their numbers: PHP's output would go into a
//! file or a connection of ours. So closed ones are taken by `/dev/null` before anything is opened, each time anew,
//! because a script may close them at any moment. Any thread.

use std::{ffi::CStr, os::fd::RawFd};

/// What takes a closed number.
const NOTHING: &CStr = c"/dev/null";

/// Takes the closed ones of 0 to 2. Three system calls where none is closed.
pub(crate) fn hold_standard() {
    for number in 0..=libc::STDERR_FILENO {
        // SAFETY: asks for a flag of a number, open or not.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
            continue;
        }
        let taken = open_nothing();
        // Another thread has opened something meanwhile.
        if taken > libc::STDERR_FILENO {
            // SAFETY: opened above, and known to no one else.
            unsafe { libc::close(taken) };
        }
    }
}

/// The lowest free number. A program that is started doesn't inherit it: the number is closed there as it was here.
fn open_nothing() -> RawFd {
    // SAFETY: a C string.
    let opened = unsafe { libc::open(NOTHING.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if opened >= 0 {
        return opened;
    }
    // A changed root may have no /dev/null. A socket without a peer takes no bytes and gives none.
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

    fn leads_to(number: RawFd) -> Option<PathBuf> {
        fs::read_link(format!("/proc/self/fd/{number}")).ok()
    }

    #[test]
    fn closed_ones_are_taken_and_open_ones_left() {
        // SAFETY: the child uses only what is safe after a fork, and ends with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let kept = leads_to(2);
            // SAFETY: this child's own copies.
            unsafe {
                libc::close(0);
                libc::close(1);
            }
            hold_standard();
            let nothing = Some(PathBuf::from("/dev/null"));
            let held = leads_to(0) == nothing && leads_to(1) == nothing && leads_to(2) == kept;
            hold_standard();
            // SAFETY: ends the child without the test harness's own exit.
            unsafe { libc::_exit(if held && open_nothing() > 2 { 7 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
