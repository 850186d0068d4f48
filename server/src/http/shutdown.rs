//! The signal that ends a server: sent once, seen by every listener, connection and job that holds a [`Shutdown`].
//! Any task.

use pillion_engine::{Result, error::IoContext};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Sends the shutdown signal. Dropping it sends the signal too.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl ShutdownTrigger {
    /// A trigger that was not fired, and its receiver.
    #[must_use]
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Sends the signal to all clones of the receiver.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

/// Receives the shutdown signal; clones are cheap.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Whether the signal was sent.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the signal. Cancel-safe.
    pub async fn requested(&mut self) {
        // Dropping the trigger counts as the signal.
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}

/// Installs handlers for SIGTERM and SIGINT. The future returns the name of the first one that the process receives.
///
/// # Errors
/// The handlers can't be installed.
pub fn termination() -> Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate()).context(|| "SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context(|| "SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
