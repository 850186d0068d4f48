//! Metrics of Pillion's log.

use super::declare::metrics;

metrics! {
    host counter LOG_LINES_DROPPED("pillion_log_lines_dropped_total"):
        "Log lines that were dropped because the queue was full or the target not writable.";
}
