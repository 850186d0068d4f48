//! The signals that end a server. A server passes their event on as a `CancellationToken`. Any task.

use pillion_engine::{Result, error::IoContext};
use tokio::signal::unix::{SignalKind, signal};

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
