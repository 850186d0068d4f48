//! Sleeping on PHP's thread until something is done. `ppoll`, and not a condition variable, so that
//! a signal, PHP's time limit and FrankenPHP's forced end wake it. Nothing here owns anything: an
//! interrupt of PHP may jump over this frame, and no destructor would run.

use std::{
    os::fd::RawFd,
    time::{Duration, Instant},
};

use super::signals::Blocked;
use crate::host::fork;

/// What the host language wants to have looked at when a signal has come.
pub trait Interrupt {
    /// Whether an interrupt is pending. Called with all signals blocked.
    fn pending(&self) -> bool;
    /// Serves it, with the thread's own mask. `false`: stop waiting, an exception is on its way.
    fn serve(&self) -> bool;
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitOutcome {
    /// The condition holds.
    Done,
    /// The time is over and the condition does not hold.
    TimedOut,
    /// An interrupt was served that wants the wait to end.
    Interrupted,
    /// An interrupt was served that forked, and this is the child: what was waited for is the parent's.
    Forked,
}

/// Sleeps until `done` holds, looking anew whenever `fd` turns readable. `fd` is drained here.
/// `timeout`: `None` waits without end.
pub fn wait_until(
    fd: RawFd,
    timeout: Option<Duration>,
    interrupt: &dyn Interrupt,
    done: &dyn Fn() -> bool,
) -> WaitOutcome {
    // A timeout too large for the clock is one that never comes.
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
            // The descriptor is shared with the parent, whose wake-ups are not ours to take.
            return WaitOutcome::Forked;
        }
        drain(fd);
    }
}

/// Whether an interrupt is pending after the sleep.
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
    let blocked = Blocked::new();
    if !interrupt.pending() {
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: one pollfd, a timespec or null, and the mask that was in force; all outlive the call.
        unsafe { libc::ppoll(&raw mut poll, 1, time, blocked.before()) };
    }
    interrupt.pending()
}

/// Empties an eventfd; it is non-blocking, so an empty one is no trouble.
fn drain(fd: RawFd) {
    let mut count = 0u64;
    // SAFETY: reads at most the eight bytes of `count`.
    unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
}
