//! The builds that clients of this server have asked for and that have not ended, so that the end of the server waits
//! for them. Any task.

use tokio::sync::watch;

/// Counts builds.
#[derive(Debug, Clone)]
pub(super) struct ActiveBuilds(watch::Sender<usize>);

impl Default for ActiveBuilds {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl ActiveBuilds {
    /// Counts a build until the guard is dropped.
    pub(super) fn begin(&self) -> ActiveBuild {
        self.0.send_modify(|count| *count += 1);
        ActiveBuild(self.0.clone())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until there are none.
    pub(super) async fn ended(&self) {
        // Never fails: `self` is a sender.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// A build that has not ended.
#[derive(Debug)]
pub(super) struct ActiveBuild(watch::Sender<usize>);

impl Drop for ActiveBuild {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
