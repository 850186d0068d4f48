//! Turns signals that would end the process into a stop request for the running loop, which then finishes its current
//! request. RoadRunner stops its workers by a frame, but systemd or a container signals every process of a service.
//! Signals that the application handles itself are left alone.
//!
//! The handler runs on any thread and stores a flag. With `ZEND_SIGNALS`, PHP's own handlers are the system's, and ours
//! is in PHP's table: so both are set through `zend_sigaction`.

use std::{
    ffi::c_int,
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
};

/// Signals that end the process by default.
const TERMINATING_SIGNALS: [c_int; 6] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

static STOP_REQUESTED: AtomicBool = AtomicBool::new(false);
/// The process that watches: its forked children have no loop.
static WATCHING_PID: AtomicI32 = AtomicI32::new(0);

/// The watched signals, as bits in the order of [`TERMINATING_SIGNALS`].
#[derive(Debug, Clone, Copy)]
pub struct SignalWatch(u8);

type Sigaction = unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;

/// Watches all signals without a handler. On PHP's thread.
#[must_use]
pub fn watch() -> SignalWatch {
    STOP_REQUESTED.store(false, Ordering::Release);
    WATCHING_PID.store(pid(), Ordering::Release);
    let mut watched = 0;
    for (bit, signal) in TERMINATING_SIGNALS.into_iter().enumerate() {
        if current_handler(signal) == libc::SIG_DFL {
            // PHP's streams go on with their reads and writes afterwards.
            set_handler(signal, on_signal as *const () as usize, libc::SA_RESTART);
            watched |= 1 << bit;
        }
    }
    SignalWatch(watched)
}

/// Whether a watched signal has arrived, or [`request_stop`] was called.
#[must_use]
pub fn is_stop_requested() -> bool {
    STOP_REQUESTED.load(Ordering::Acquire)
}

/// Requests a stop, as if a signal had arrived.
pub fn request_stop() {
    STOP_REQUESTED.store(true, Ordering::Release);
}

impl SignalWatch {
    /// Restores the defaults, except where another handler was set meanwhile.
    pub fn restore(self) {
        STOP_REQUESTED.store(false, Ordering::Release);
        for (bit, signal) in TERMINATING_SIGNALS.into_iter().enumerate() {
            if self.0 & 1 << bit != 0 && current_handler(signal) == on_signal as *const () as usize
            {
                set_handler(signal, libc::SIG_DFL, 0);
            }
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    if WATCHING_PID.load(Ordering::Acquire) == pid() {
        STOP_REQUESTED.store(true, Ordering::Release);
        return;
    }
    // SAFETY: both may be called in a handler; the signal is blocked until it returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn pid() -> i32 {
    // SAFETY: takes nothing and can't fail.
    unsafe { libc::getpid() }
}

fn current_handler(signal: c_int) -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: writes one action.
    unsafe {
        sigaction()(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

fn set_handler(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: a handler of one argument, or the default; zeroes are an empty mask.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        libc::sigemptyset(&raw mut action.sa_mask);
        sigaction()(signal, &raw const action, std::ptr::null_mut());
    }
}

/// `zend_sigaction` if PHP has it, else the system's.
fn sigaction() -> Sigaction {
    // SAFETY: looks up a symbol of the process; PHP declares it with this type.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"zend_sigaction".as_ptr());
        match found.is_null() {
            true => libc::sigaction,
            false => std::mem::transmute::<*mut libc::c_void, Sigaction>(found),
        }
    }
}
