//! Wall-clock milliseconds for expiry and last use. The coarse clock is read without a system call (vDSO) and is at
//! most a few milliseconds late, which does not matter for TTLs of days. Any thread.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    failpoint,
    host::clock::{since_boot, unix_ms},
};

/// A source of time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's coarse wall clock.
    #[default]
    System,
    /// A clock of a test, in Unix milliseconds. It only advances.
    Manual(Arc<AtomicU64>),
    /// A clock that a test sets: Unix milliseconds, and milliseconds since boot.
    Set(Arc<[AtomicU64; 2]>),
}

impl Clock {
    /// A clock at `ms`, and the value behind it.
    #[must_use]
    pub fn manual(ms: u64) -> (Self, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(ms));
        (Self::Manual(Arc::clone(&hand)), hand)
    }

    /// Unix milliseconds.
    #[inline]
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => coarse_ms() + failpoint::clock_offset_ms(),
            Self::Manual(hand) => hand.load(Ordering::Relaxed),
            Self::Set(hands) => {
                let [wall, _] = hands.as_ref();
                wall.load(Ordering::Relaxed)
            }
        }
    }

    /// Milliseconds since boot, which can't be set.
    #[must_use]
    pub fn boot_ms(&self) -> u64 {
        match self {
            Self::System => since_boot().as_millis().try_into().unwrap_or(u64::MAX),
            Self::Manual(hand) => hand.load(Ordering::Relaxed),
            Self::Set(hands) => {
                let [_, boot] = hands.as_ref();
                boot.load(Ordering::Relaxed)
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn coarse_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to.
    if unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut time) } != 0 {
        return unix_ms();
    }
    (time.tv_sec as u64)
        .wrapping_mul(1000)
        .wrapping_add(time.tv_nsec as u64 / 1_000_000)
}

#[cfg(not(target_os = "linux"))]
fn coarse_ms() -> u64 {
    unix_ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_clock_agrees_with_the_ordinary_one() {
        let precise = unix_ms();
        let coarse = Clock::System.now_ms();
        assert!(coarse.abs_diff(precise) < 1000, "{coarse} and {precise}");
    }

    #[test]
    fn manual_clock_has_the_set_time() {
        let (clock, hand) = Clock::manual(5);
        assert_eq!(clock.now_ms(), 5);
        hand.store(9, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 9);
    }
}
