//! PHP's collector of cycles, run after so many requests of a loop: when the hooks have run and all has been
//! reset, before the next request comes. On PHP's thread; destructors run.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use pillion_engine::config::Every;

use crate::{thread_state::Thread, zend::memory};

/// `worker.gc`, as a number; as with `worker.leak_check`.
static EVERY: AtomicU32 = AtomicU32::new(0);

/// What the collector has done on this thread, when it was Pillion that ran it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Collected {
    /// How often it ran.
    pub runs: u64,
    /// Values it has freed in all.
    pub freed: u64,
    /// When it ran last.
    pub last: Option<Instant>,
}

/// Takes the setting. In MINIT.
pub fn set(every: Every) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// The setting.
#[must_use]
pub fn policy() -> Every {
    Every::of(EVERY.load(Ordering::Relaxed))
}

/// Runs the collector, where this request is one after which it does. What destructors throw is on its way then.
pub fn collect() {
    let every = policy();
    if !every.is_on() || !Thread::with(|thread| every.is_now(thread.worker.looped)) {
        return;
    }
    let freed = memory::collect_cycles();
    Thread::with(|thread| {
        let done = &mut thread.worker.collected;
        done.runs += 1;
        done.freed += freed;
        done.last = Some(Instant::now());
    });
}
