//! Metrics of Pillion's log.

use super::{family::Metric, handle::Counter};

/// Lines that were dropped because the queue was full or the target not writable.
pub static LOG_LINES_DROPPED: Counter = Counter::new(
    "pillion_log_lines_dropped_total",
    "Log lines that were dropped because the queue was full or the target not writable.",
);

pub(super) static ALL: &[&dyn Metric] = &[&LOG_LINES_DROPPED];
