//! Turns a file size limit (`ulimit -f`) into an error: the system sends SIGXFSZ, which kills a process by default.
//! Pillion's threads block it always, PHP's thread while it writes for Pillion.

/// Runs `write`, which writes to or allocates a file, with SIGXFSZ blocked.
#[cfg(target_os = "linux")]
pub(crate) fn without_sigxfsz<R>(write: impl FnOnce() -> R) -> R {
    let _blocked = blocked::SigxfszBlocked::new();
    write()
}

/// Runs `write`, which writes to or allocates a file, with SIGXFSZ blocked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn without_sigxfsz<R>(write: impl FnOnce() -> R) -> R {
    write()
}

#[cfg(target_os = "linux")]
mod blocked {
    use std::{mem::MaybeUninit, ptr};

    /// Blocks SIGXFSZ in the calling thread until it is dropped.
    pub(super) struct SigxfszBlocked {
        only: libc::sigset_t,
        before: libc::sigset_t,
    }

    impl SigxfszBlocked {
        pub(super) fn new() -> Self {
            let mut only = MaybeUninit::uninit();
            let mut before = MaybeUninit::uninit();
            // SAFETY: `sigemptyset` and `pthread_sigmask` initialise the sets; the signal is a valid one.
            unsafe {
                libc::sigemptyset(only.as_mut_ptr());
                libc::sigaddset(only.as_mut_ptr(), libc::SIGXFSZ);
                libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), before.as_mut_ptr());
                Self {
                    only: only.assume_init(),
                    before: before.assume_init(),
                }
            }
        }
    }

    impl Drop for SigxfszBlocked {
        fn drop(&mut self) {
            let now = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: valid sets, a timeout of zero. A pending signal is consumed, unless it was blocked before.
            unsafe {
                if libc::sigismember(&raw const self.before, libc::SIGXFSZ) == 0 {
                    libc::sigtimedwait(&raw const self.only, ptr::null_mut(), &raw const now);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut());
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{io::Write as _, os::fd::AsRawFd as _};

    use super::*;

    #[test]
    fn write_beyond_the_limit_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        // SAFETY: the child uses only what is safe after a fork, and ends with _exit or a signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let limit = libc::rlimit {
                rlim_cur: 100,
                rlim_max: 100,
            };
            // SAFETY: a valid limit.
            unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
            let written = without_sigxfsz(|| {
                file.write_all(&[0; 100])
                    .and_then(|()| file.write_all(&[0]))
            });
            let is_refused = written.is_err_and(|error| error.raw_os_error() == Some(libc::EFBIG));
            // SAFETY: ends the child without the test harness's own exit.
            unsafe {
                libc::_exit(if is_refused && file.as_raw_fd() > 2 {
                    7
                } else {
                    1
                })
            };
        }
        let mut status = 0;
        // SAFETY: our child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status), "{status:x}");
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
