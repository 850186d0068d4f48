//! The trend of a loop's memory: one sample after each request, where the loop waits for the next one. On PHP's
//! threads.

use pillion_engine::worker::MemoryTrend;

use super::state;
use crate::{thread_state::thread_state, zend::memory};

struct LoopMemory {
    trend: MemoryTrend,
    /// Requests of the loop at the last sample.
    sampled_requests: u64,
    /// Runs of PHP's garbage collector at the last sample.
    gc_runs: u64,
}

impl LoopMemory {
    const fn new() -> Self {
        Self {
            trend: MemoryTrend::new(),
            sampled_requests: 0,
            gc_runs: 0,
        }
    }
}

thread_state! {
    static MEMORY: LoopMemory = LoopMemory::new();
}

/// Adds a sample if a request has ended since the last one: then returns the number of the loop's requests.
pub(super) fn sample() -> Option<u64> {
    if state::is_in_request() {
        return None;
    }
    let requests = state::loop_requests();
    MEMORY.with(|memory| {
        // RoadRunner's methods that wait call each other.
        if std::mem::replace(&mut memory.sampled_requests, requests) == requests {
            return None;
        }
        let gc = memory::gc_state();
        let has_run = std::mem::replace(&mut memory.gc_runs, gc.runs) != gc.runs;
        let is_settled = gc.has_no_garbage || has_run;
        memory.trend.add(is_settled.then(|| memory::used() as u64));
        Some(requests)
    })
}

/// The growth in bytes for 1,000 requests, and the number of requests it was computed from; `None` if those are few.
#[must_use]
pub fn growth() -> Option<(i64, u64)> {
    MEMORY.with(|memory| {
        let slope = memory.trend.slope()?;
        Some((slope.round() as i64, memory.trend.requests()))
    })
}

/// Forgets the script before. In RINIT, and in GSHUTDOWN.
pub(super) fn clear() {
    MEMORY.replace(LoopMemory::new());
}
