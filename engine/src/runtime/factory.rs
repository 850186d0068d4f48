//! Builds the Tokio runtime of a process: its sizes, its threads' names and signal masks.

use std::{io, time::Duration};

use crate::{
    descriptors,
    signals::{self, SignalsBlocked},
    threads,
};

/// The sizes of a runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeOptions {
    /// Worker threads, 1 or more.
    pub threads: usize,
    /// Threads for blocking work (file copies, locks).
    pub blocking_threads: usize,
}

/// Builds a Tokio runtime; tests provide their own.
pub trait RuntimeFactory: Send + Sync {
    /// Builds a runtime with threads on which PHP's signals are blocked.
    ///
    /// # Errors
    /// The system grants no thread or descriptor.
    fn build(&self) -> io::Result<tokio::runtime::Runtime>;
}

/// The factory outside of tests.
#[derive(Debug, Clone, Copy)]
pub struct TokioFactory(pub RuntimeOptions);

impl RuntimeFactory for TokioFactory {
    fn build(&self) -> io::Result<tokio::runtime::Runtime> {
        // A thread inherits the mask of its creator, so there is no moment without it.
        let _blocked = SignalsBlocked::new();
        descriptors::reserve_stdio();
        // Tokio panics if it is refused a thread, and waits for ever for those that it has started by then.
        if self.0.threads > 1 {
            threads::check(self.0.threads)?;
        }
        threads::catch_refusal(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(self.0.threads.max(1))
                .max_blocking_threads(self.0.blocking_threads.max(1))
                .thread_name("pillion")
                .thread_keep_alive(Duration::from_secs(5))
                .on_thread_start(signals::block_permanently)
                .enable_io()
                .enable_time()
                .build()
        })?
    }
}
