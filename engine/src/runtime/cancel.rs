//! A flag that a job looks at and can await: cancelled once, for ever. Any thread.

use std::sync::Arc;

use tokio::sync::watch;

/// Cheap to clone; all clones are cancelled together.
#[derive(Debug, Clone)]
pub struct CancelToken {
    sender: Arc<watch::Sender<bool>>,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sender: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Cancels; later calls change nothing.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }

    /// Resolves when it is cancelled. Cancel-safe.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so this cannot fail before the value is true.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}

/// Cancels its token when it is dropped.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}
