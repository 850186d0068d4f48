//! Clocks that processes share. A wall clock jumps, and monotonic clocks of two boots don't compare, so deadlines
//! between processes use the boot clock together with the boot id. Any thread.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::failpoint;

/// Wall-clock milliseconds since 1970; 0 for a clock before it.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
        .saturating_add(failpoint::clock_offset_ms())
}

/// Time since boot, suspended time included.
#[must_use]
pub fn since_boot() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    // SAFETY: fills the timespec.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

/// Milliseconds since boot, suspended time not included, with the resolution of the system's tick (1 to 10 ms). Costs a
/// third of [`since_boot`].
#[must_use]
#[inline]
pub fn coarse_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    // SAFETY: fills the timespec.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    let (seconds, nanos) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    (seconds * 1000 + nanos / 1_000_000).saturating_add(failpoint::clock_offset_ms())
}

/// The absolute difference of two times of the wall clock. A time in the future is one of a clock that was ahead, and
/// counts as old as one that is as far in the past: otherwise a file of that time would stay until the clock is there
/// again.
#[must_use]
pub fn abs_diff(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}

/// The id of this boot of the machine; empty if the system has none.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}
