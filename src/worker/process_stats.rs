//! The age of the process, and how often PHP has restarted in it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use pillion_engine::host::clock;

/// When the process started, in milliseconds since boot; 0 before the first MINIT.
static STARTED_MS: AtomicU64 = AtomicU64::new(0);
/// How often the module has started in this process.
static MODULE_STARTUPS: AtomicU64 = AtomicU64::new(0);

/// Records when the process started. In MINIT.
pub(super) fn module_startup() {
    if MODULE_STARTUPS.fetch_add(1, Ordering::Relaxed) == 0 {
        STARTED_MS.store(now_ms(), Ordering::Relaxed);
    }
}

/// A forked child has just started: atomics and plain system calls only.
pub(super) fn after_fork() {
    STARTED_MS.store(now_ms(), Ordering::Relaxed);
}

/// How long this process has been running.
#[must_use]
pub fn uptime() -> Duration {
    Duration::from_millis(now_ms().saturating_sub(STARTED_MS.load(Ordering::Relaxed)))
}

/// How often the module has restarted in this process.
#[must_use]
pub fn restarts() -> u64 {
    MODULE_STARTUPS.load(Ordering::Relaxed).saturating_sub(1)
}

/// Whether each request is a line in the log.
pub(super) fn is_logged() -> bool {
    log::log_enabled!(log::Level::Debug)
}

fn now_ms() -> u64 {
    clock::since_boot()
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}
