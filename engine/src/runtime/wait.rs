//! Sleeps on PHP's thread until a condition holds. `ppoll`, and not a condition variable, so that a signal, PHP's time
//! limit and FrankenPHP's forced end wake it. No value here has a destructor: an interrupt of PHP may longjmp over this
//! frame, and it would not run.

use std::{
    os::fd::RawFd,
    time::{Duration, Instant},
};

use crate::{host::fork, signals::SignalsBlocked};

/// The interrupts of the host language, checked after a signal.
pub trait Interrupt {
    /// Whether an interrupt is pending. Called with all signals blocked.
    fn pending(&self) -> bool;
    /// Runs the pending interrupt with the thread's own signal mask. Returns `false` to stop waiting because an
    /// exception was thrown.
    fn serve(&self) -> bool;
}

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitOutcome {
    /// The condition holds.
    Done,
    /// The timeout passed and the condition does not hold.
    TimedOut,
    /// An interrupt ended the wait.
    Interrupted,
    /// An interrupt forked, and this is the child: the awaited job belongs to the parent.
    Forked,
}

/// Sleeps until `done` returns `true`, checked whenever `fd` turns readable. Drains `fd`. Waits without end if
/// `timeout` is `None`.
pub fn wait_until(
    fd: RawFd,
    timeout: Option<Duration>,
    interrupt: &dyn Interrupt,
    done: &dyn Fn() -> bool,
) -> WaitOutcome {
    // A timeout too large for the clock never passes.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let generation = fork::generation();
    loop {
        if done() {
            return WaitOutcome::Done;
        }
        let left = match (timeout, deadline) {
            (Some(_), Some(deadline)) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return WaitOutcome::TimedOut;
                }
                Some(left)
            }
            _ => None,
        };
        let interrupted = sleep(fd, left, interrupt);
        if interrupted && !interrupt.serve() {
            return WaitOutcome::Interrupted;
        }
        if generation != fork::generation() {
            // The descriptor is shared with the parent; draining it would take the parent's wake-ups.
            return WaitOutcome::Forked;
        }
        drain(fd);
    }
}

/// Sleeps once; returns whether an interrupt is pending afterwards. Reads the interrupt flag with all signals blocked,
/// so that no signal arrives between the check and the sleep.
fn sleep(fd: RawFd, left: Option<Duration>, interrupt: &dyn Interrupt) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let time = left.map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let blocked = SignalsBlocked::new();
    if !interrupt.pending() {
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: one pollfd, a timespec or null, and the mask that was in force; all outlive the call.
        unsafe { libc::ppoll(&raw mut poll, 1, time, blocked.before()) };
    }
    interrupt.pending()
}

/// Empties an eventfd; it is non-blocking, so an empty one returns at once.
fn drain(fd: RawFd) {
    let mut count = 0u64;
    // SAFETY: reads at most the eight bytes of `count`.
    unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
}
