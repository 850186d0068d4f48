//! PHP's collector of cycles, run after every n-th request of a loop (`worker.gc`): after the reset, before the next
//! request. On PHP's thread; destructors run.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use pillion_engine::config::Sampling;

use super::state;
use crate::{thread_state::thread_state, zend::memory};

/// `worker.gc`, as a number.
static EVERY: AtomicU32 = AtomicU32::new(0);

thread_state! {
    static STATS: GcStats = GcStats::NONE;
}

/// The runs of the collector that Pillion has started on this thread, in this script.
#[derive(Debug, Clone, Copy)]
pub struct GcStats {
    /// How often it ran.
    pub runs: u64,
    /// Number of values it has freed.
    pub freed: u64,
    /// When it ran last.
    pub last: Option<Instant>,
}

impl GcStats {
    const NONE: Self = Self {
        runs: 0,
        freed: 0,
        last: None,
    };
}

/// Applies the setting. In MINIT, and in RINIT where it has changed.
pub fn configure(every: Sampling) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// The setting.
#[must_use]
pub fn policy() -> Sampling {
    Sampling::of(EVERY.load(Ordering::Relaxed))
}

/// The runs so far.
#[must_use]
pub fn stats() -> GcStats {
    STATS.get()
}

/// Runs the collector if it is due after this request. Destructors may throw.
pub(super) fn collect() {
    let every = policy();
    if !every.is_on() || !every.includes(state::loop_requests()) {
        return;
    }
    let freed = memory::collect_cycles();
    let stats = STATS.get();
    STATS.set(GcStats {
        runs: stats.runs + 1,
        freed: stats.freed + freed,
        last: Some(Instant::now()),
    });
}

/// A script starts. In RINIT.
pub(super) fn script_startup() {
    STATS.set(GcStats::NONE);
}
