//! Stops a build, with the reason: the caller's future was dropped, a deadline passed, or the server shuts down. The
//! first reason counts. The build's task receives; the senders live on any task.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The reason why a build was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// The client disconnected.
    ClientGone,
    /// The server's `build_timeout` passed.
    BuildTimeout,
    /// The client's own deadline passed (`Connect-Timeout-Ms`, `grpc-timeout`).
    ClientDeadline,
    /// The server shuts down.
    Shutdown,
}

/// Receiving end of the stop signal.
#[derive(Debug)]
pub(super) struct StopSignal {
    /// Cancelled when the future that awaits the build is dropped.
    caller: CancellationToken,
    shutdown: CancellationToken,
    deadlines: Vec<(Instant, StopReason)>,
}

impl StopSignal {
    /// A signal without deadlines.
    pub(super) fn new(caller: CancellationToken, shutdown: CancellationToken) -> Self {
        Self {
            caller,
            shutdown,
            deadlines: Vec::new(),
        }
    }

    /// Adds a deadline, `time` from now.
    pub(super) fn add_deadline(&mut self, time: Duration, reason: StopReason) {
        // A deadline beyond the clock's range never passes.
        if let Some(at) = Instant::now().checked_add(time) {
            self.deadlines.push((at, reason));
        }
    }

    /// The reason, if the build is to stop already.
    pub(super) fn reason(&self) -> Option<StopReason> {
        if self.caller.is_cancelled() {
            return Some(StopReason::ClientGone);
        }
        if self.shutdown.is_cancelled() {
            return Some(StopReason::Shutdown);
        }
        let now = Instant::now();
        let passed = self.deadlines.iter().find(|(at, _)| *at <= now);
        passed.map(|(_, reason)| *reason)
    }

    /// Waits until the build is to stop. Cancel-safe.
    pub(super) async fn stopped(&self) -> StopReason {
        if let Some(reason) = self.reason() {
            return reason;
        }
        let next = self.deadlines.iter().min_by_key(|(at, _)| *at).copied();
        let deadline = async {
            match next {
                Some((at, reason)) => {
                    sleep_until(at).await;
                    reason
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.caller.cancelled() => StopReason::ClientGone,
            () = self.shutdown.cancelled() => StopReason::Shutdown,
            reason = deadline => reason,
        }
    }
}
