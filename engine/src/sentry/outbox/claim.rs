//! A record that somebody is sending, or lets wait. On the runtime.

use std::sync::Arc;

use super::file::{QueueFile, Record, RecordState};
use crate::sentry::protocol::category::Priority;

/// A record that is on its way. It is ready again for whoever adopts it, unless it is settled.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) file: Arc<QueueFile>,
    pub(super) index: u32,
}

impl Claim {
    /// The record; `None`: it is torn.
    #[must_use]
    pub fn read(&self) -> Option<Record> {
        self.file.read(self.index)
    }

    /// Its class.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.file.priority
    }

    /// One that waits is on its way again. `false`: it was dropped meanwhile.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.file.resume(self.index)
    }

    /// Whether it waits still, and was not dropped.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.file.state(self.index) == RecordState::Deferred
    }

    /// Notes a try that failed.
    pub fn count_attempt(&self) {
        self.file.count_attempt(self.index);
    }
}
