//! The settings of background work.

use std::time::Duration;

use super::super::row::{ZERO, count, duration, millis};

settings! {
    /// Threads and shutdown of the runtime.
    pub struct RuntimeSettings: Runtime, "" in "pillion." {
        /// Worker threads of the background runtime of one PHP process.
        threads: usize = count(1, 64, "1");
        /// The longest time that the end of a process may wait for background work. Hosts kill a process that takes
        /// much longer.
        shutdown_timeout: Duration = duration(ZERO, millis(8000), "2s");
    }
}
