//! The end of a loop: limits of requests and memory.

use pillion_engine::worker::{LoopLimits, loop_limits::LoopLimit};

use crate::zend::memory;

/// Whether a loop that has served `served` requests has reached a limit, which is logged.
pub fn is_reached(limits: LoopLimits, served: u64) -> bool {
    let usage = memory::usage();
    let Some(limit) = limits.reached(served, usage) else {
        return false;
    };
    match limit {
        LoopLimit::Memory => {
            log::info!(reason = "memory", requests = served, memory = usage, max_memory = limits.memory; "worker loop ends");
        }
        LoopLimit::Requests => {
            log::debug!(reason = "requests", requests = served; "worker loop ends")
        }
    }
    true
}
