//! Signal masks. All but fault signals are blocked in our threads; and a wait reads its flag with
//! everything blocked, so that no signal falls between the look and the sleep. Any thread.

use std::{mem::MaybeUninit, ptr};

/// Signals that tell of a fault in the thread itself; blocking them would hide a crash.
const FAULTS: [i32; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
    libc::SIGTRAP,
];

/// Blocks all but fault signals in the calling thread; the old mask returns on drop.
pub(super) struct Blocked {
    before: libc::sigset_t,
}

impl Blocked {
    pub(super) fn new() -> Self {
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
    pub(super) fn before(&self) -> &libc::sigset_t {
        &self.before
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: `before` is the set that `new` read.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}

/// Blocks all but fault signals in the calling thread for as long as it lives.
pub(super) fn block_for_good() {
    let all = all_but_faults();
    // SAFETY: the set is valid, and nobody asks for the old one.
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
