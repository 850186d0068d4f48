//! The signals of a run: the first one goes to the commands, which have time to end; the second one, or the end of that
//! time, kills them. On the runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use pillion_engine::{Result, pipeline::run::Stop};
use pillion_server::http::termination;
use rustix::process::Signal;
use tokio::{runtime::Runtime, time::timeout};

/// Time that commands have to end after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// Stops a run at SIGTERM and SIGINT.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub stop: Stop,
    /// Number of the first signal; 0: none.
    first: AtomicU8,
}

impl Signals {
    /// Installs the handlers.
    ///
    /// # Errors
    /// The system's.
    pub fn install(runtime: &Runtime) -> Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let handled = Arc::clone(&signals);
        let _entered = runtime.enter();
        let first = termination()?;
        runtime.spawn(async move {
            let signal = match first.await {
                "SIGINT" => Signal::INT,
                _ => Signal::TERM,
            };
            let number = u8::try_from(signal.as_raw()).unwrap_or_default();
            handled.first.store(number, Ordering::Relaxed);
            handled.stop.request(signal);
            if let Ok(second) = termination() {
                let _ = timeout(GRACE, second).await;
            }
            handled.stop.request(Signal::KILL);
        });
        Ok(signals)
    }

    /// The exit code of a run that a signal has stopped, as shells have it.
    pub fn exit_code(&self) -> u8 {
        128 + self.first.load(Ordering::Relaxed)
    }
}
