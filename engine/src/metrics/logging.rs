//! What Pillion counts of itself.

use super::{family::Metric, handle::Counter};

/// Lines that found the queue full, or a target that did not take them.
pub static LOG_LINES_DROPPED: Counter = Counter::new(
    "pillion_log_lines_dropped_total",
    "Log lines that were lost because nobody took them in time.",
);

pub(super) static ALL: &[&dyn Metric] = &[&LOG_LINES_DROPPED];
