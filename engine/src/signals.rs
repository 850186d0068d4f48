//! Signal masks. Pillion's own threads block all but fault signals, because a PHP script may install a handler for any
//! other one and PHP's handlers must not run on a thread that PHP doesn't know. Any thread.

use std::{mem::MaybeUninit, ptr};

/// Signals that report a fault of the thread itself; blocking them would hide a crash.
const FAULTS: [i32; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
    libc::SIGTRAP,
];

/// Blocks all but fault signals in the calling thread until it is dropped. A thread that is started meanwhile inherits
/// the mask.
pub(crate) struct SignalsBlocked {
    before: libc::sigset_t,
}

impl SignalsBlocked {
    pub(crate) fn new() -> Self {
        let mut before = MaybeUninit::uninit();
        let all = all_but_faults();
        // SAFETY: both sets are valid; the call fills `before`.
        let before = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, before.as_mut_ptr());
            before.assume_init()
        };
        Self { before }
    }

    /// The mask that was in force before, for `ppoll`.
    pub(crate) fn before(&self) -> &libc::sigset_t {
        &self.before
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: `before` is the set that `new` read.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}

/// Blocks all but fault signals in the calling thread for the rest of its life.
pub(crate) fn block_permanently() {
    let all = all_but_faults();
    // SAFETY: the set is valid; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
}

fn all_but_faults() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set; the numbers are valid signals.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        let mut set = set.assume_init();
        for fault in FAULTS {
            libc::sigdelset(&raw mut set, fault);
        }
        set
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Checks the mask of this thread.
    pub(crate) fn assert_own_mask() {
        assert_mask(Path::new("/proc/thread-self/status"));
    }

    /// Checks the masks of all threads with that name, of which there must be one.
    pub(crate) fn assert_blocked(thread: &str) {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        let paths = tasks.map(|task| task.path()).filter(|path| {
            let name = fs::read_to_string(path.join("comm"));
            name.is_ok_and(|name| name.trim() == thread)
        });
        let checked = paths.map(|path| assert_mask(&path.join("status")));
        assert!(checked.count() > 0);
    }

    fn assert_mask(status: &Path) {
        // The thread of another test may end meanwhile.
        let Ok(status) = fs::read_to_string(status) else {
            return;
        };
        let mut lines = status.lines();
        let mask = lines.find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        let blocks = |signal: i32| mask & (1 << (signal - 1)) != 0;
        let common = [
            libc::SIGTERM,
            libc::SIGALRM,
            libc::SIGPROF,
            libc::SIGCHLD,
            libc::SIGUSR1,
        ];
        assert!(common.into_iter().all(blocks), "{mask:x}");
        assert!(!FAULTS.into_iter().any(blocks), "{mask:x}");
    }
}
