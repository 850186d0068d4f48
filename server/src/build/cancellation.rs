//! Tells a build to stop, and why: whoever drops the handle, the clock, or the server's end. The first
//! reason stands. One task builds and listens; any other may ask.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::http::Shutdown;

/// StopReason a build was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Nobody waits for it any more.
    ClientGone,
    /// It took longer than this server allows.
    TooLong,
    /// It took longer than its client allowed (`Connect-Timeout-Ms`).
    ClientDeadline,
    /// The server ends.
    Shutdown,
}

/// Held by who waits: dropping it stops the build.
#[derive(Debug)]
pub(super) struct CallerGuard {
    _alive: watch::Sender<()>,
}

impl CallerGuard {
    /// A waiter and what the build listens to. `shutdown` turns true when the server ends.
    pub(super) fn new(shutdown: Shutdown) -> (Self, StopSignal) {
        let (alive, waiter) = watch::channel(());
        let stop = StopSignal {
            waiter,
            shutdown,
            deadlines: Vec::new(),
        };
        (Self { _alive: alive }, stop)
    }
}

/// The build's ear.
#[derive(Debug)]
pub(super) struct StopSignal {
    /// Nothing is ever sent: its closing is the message.
    waiter: watch::Receiver<()>,
    shutdown: Shutdown,
    deadlines: Vec<(Instant, StopReason)>,
}

impl StopSignal {
    /// From now on it may take so long.
    pub(super) fn limit(&mut self, time: Duration, why: StopReason) {
        // A deadline that the clock cannot express is none.
        if let Some(at) = Instant::now().checked_add(time) {
            self.deadlines.push((at, why));
        }
    }

    /// Whether a stop was reason for already.
    pub(super) fn reason(&self) -> Option<StopReason> {
        let now = Instant::now();
        let late = self
            .deadlines
            .iter()
            .find(|(at, _)| *at <= now)
            .map(|(_, why)| *why);
        let shutdown = self.shutdown.is_requested().then_some(StopReason::Shutdown);
        let gone = self.waiter.has_changed().is_err();
        let gone = gone.then_some(StopReason::ClientGone);
        gone.or(shutdown).or(late)
    }

    /// Waits until a stop is reason for. Cancel-safe.
    pub(super) async fn stopped(&mut self) -> StopReason {
        if let Some(why) = self.reason() {
            return why;
        }
        let next = self.deadlines.iter().min_by_key(|(at, _)| *at).copied();
        let clock = async {
            match next {
                Some((at, why)) => {
                    sleep_until(at).await;
                    why
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.waiter.changed() => StopReason::ClientGone,
            () = self.shutdown.requested() => StopReason::Shutdown,
            why = clock => why,
        }
    }
}
