//! The Tokio runtime of one process, and the jobs that run on it.
//!
//! Nothing starts before the first job: never in MINIT, never while preloading, never in php-fpm's master. The effect
//! of each event on each part:
//!
//! | part | before a fork | parent | child | restart (MSHUTDOWN, MINIT) | shutdown |
//! | --- | --- | --- | --- | --- | --- |
//! | [`ProcessCell`] (all state of the process) | – | unchanged | emptied by an atomic store; the old state is forgotten, never dropped | taken and dropped, then empty | taken and dropped |
//! | [`Runtime`] not started | – | – | a fresh one at the first job | – | – |
//! | [`Runtime`] started | – | unchanged | forgotten; a fresh one at the first job | jobs aborted, threads joined; a fresh one at the first job | the same, within the timeout |
//! | [`Job`] pending or running | – | goes on | its handle returns [`Error::State`](crate::Error::State) | cancelled | cancelled |
//! | [`Job`] done | – | – | its outcome stays readable | handles ended with the request | – |
//! | [`CompletionQueue`] of a PHP thread | – | unchanged | a fresh one; inherited descriptors are closed | closed with its thread | closed |
//! | notifier socket | – | unchanged | a fresh pair replaces it under the same descriptor number | closed | closed |
//! | sockets, epoll set | – | unchanged | the child's copies are closed | closed | closed |
//! | file locks | – | unchanged | the child's copies are closed, never unlocked | released | released |

mod background;
mod call;
mod catch_unwind;
mod completions;
mod factory;
#[cfg(target_os = "linux")]
mod fork_sockets;
mod job;
mod notifier;
mod process_cell;
#[cfg(test)]
mod tests;
mod wait;

pub use background::Runtime;
pub use call::RuntimeCall;
pub use completions::CompletionQueue;
pub use factory::{RuntimeFactory, RuntimeOptions, TokioFactory};
pub use job::{Job, JobContext, JobState};
pub use process_cell::ProcessCell;
pub use tokio_util::sync::CancellationToken;
pub use wait::{Interrupt, WaitOutcome, wait_until};

/// Closes or replaces inherited descriptors in a forked child, from the fork handler. Call [`ProcessCell::forget`] too.
/// Async-signal-safe.
pub fn after_fork() {
    #[cfg(target_os = "linux")]
    fork_sockets::after_fork();
    notifier::after_fork();
}
