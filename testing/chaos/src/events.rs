//! Messages about processes: from the tasks that read them to the pool, and from the pool to a scenario.

use std::process::ExitStatus;

/// An event of a process.
#[derive(Debug)]
pub struct Event {
    /// Number and life of the process: those of its `WorkerSpec`.
    pub of: (usize, u64),
    /// The event itself.
    pub what: WorkerEvent,
}

/// The kind of an [`Event`].
#[derive(Debug)]
pub enum WorkerEvent {
    /// It printed a line.
    Said(String),
    /// It has exited.
    Ended(ExitStatus),
}

/// The outcome of an event.
#[derive(Debug)]
pub enum PoolEvent {
    /// It has finished an operation: number, outcome.
    Deed(usize, String),
    /// It has died or ended: number.
    End(usize),
    /// No outcome of interest.
    Nothing,
}
