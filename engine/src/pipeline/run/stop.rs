//! The stop of a run: a signal goes to the process groups of all running commands, and SIGKILL to those that remain.
//! Any thread.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio_util::sync::CancellationToken;

/// The stop, shared by the threads of a run and by the handler of signals.
#[derive(Debug, Default)]
pub struct Stop {
    state: Mutex<State>,
    token: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    /// The last signal of a request.
    signal: Option<Signal>,
    /// Groups of running commands.
    groups: BTreeSet<i32>,
}

impl Stop {
    /// Sends the signal to all running commands. No further command starts.
    pub fn request(&self, signal: Signal) {
        self.token.cancel();
        let mut state = self.lock();
        state.signal = Some(signal);
        for group in &state.groups {
            send(*group, signal);
        }
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.lock().signal.is_some()
    }

    /// Cancelled by the first request.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Adds the group of a command that has started. It gets the signal of an earlier request.
    pub(super) fn add(&self, group: Pid) {
        let mut state = self.lock();
        let group = group.as_raw_nonzero().get();
        state.groups.insert(group);
        if let Some(signal) = state.signal {
            send(group, signal);
        }
    }

    /// Removes a group and kills its remaining processes. Its leader has ended and is not waited for yet, so that the kernel
    /// can't give its id to another process.
    pub(super) fn end(&self, group: Pid) {
        let mut state = self.lock();
        let group = group.as_raw_nonzero().get();
        state.groups.remove(&group);
        send(group, Signal::KILL);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A group that has ended is no error.
fn send(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = kill_process_group(group, signal);
    }
}
