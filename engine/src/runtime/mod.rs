//! The Tokio runtime of one process, and the jobs that run on it.
//!
//! Nothing starts before the first job: never in MINIT, never while preloading, never in php-fpm's
//! master. What happens to each part, by event:
//!
//! | part | before a fork | parent | child | restart (MSHUTDOWN, MINIT) | shutdown |
//! | --- | --- | --- | --- | --- | --- |
//! | [`ProcessCell`] (all state of the process) | – | kept | emptied by an atomic store; the old state is forgotten, never dropped | taken and dropped, then empty | taken and dropped |
//! | [`Runtime`] not started | – | – | fresh at the first job | – | – |
//! | [`Runtime`] started | – | undisturbed | forgotten; a fresh one at the first job | jobs aborted, threads joined; a fresh one at the first job | the same, within the ceiling |
//! | [`Job`] pending or running | – | goes on | its handle answers with [`Error::State`](crate::Error::State) | cancelled | cancelled |
//! | [`Job`] done | – | – | its outcome stays readable | handles died with the request | – |
//! | [`CompletionQueue`] of a PHP thread | – | kept | a fresh one; inherited descriptors are closed | closed with its thread | closed |
//! | notifier socket | – | kept | a fresh pair takes its place under the same descriptor number | closed | closed |
//! | sockets, poll set | – | kept | the child's copies are closed | closed | closed |
//! | file locks | – | kept | the child's copies are closed, never unlocked | released | released |
//!
//! Background threads have all but fault signals blocked, because a PHP script may install a handler
//! for any other one, and PHP's handlers must not run on a thread that PHP doesn't know.

mod background;
mod completions;
#[cfg(target_os = "linux")]
mod fork_sockets;
mod job;
mod notifier;
mod process_cell;
mod signals;
#[cfg(test)]
mod tests;
mod wait;

pub use background::{Factory, Runtime, RuntimeOptions, TokioFactory};
pub use completions::CompletionQueue;
pub use job::{Job, JobContext, JobState};
pub use process_cell::ProcessCell;
pub use tokio_util::sync::CancellationToken;
pub use wait::{Interrupt, WaitOutcome, wait_until};

/// For the child's side of the fork handler, beside [`ProcessCell::forget`]. Async-signal-safe.
pub fn after_fork() {
    #[cfg(target_os = "linux")]
    fork_sockets::after_fork();
    notifier::after_fork();
}
