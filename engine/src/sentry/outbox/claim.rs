//! A record that somebody is sending, or lets wait. On the runtime.

use std::sync::Arc;

use super::file::{BoxFile, Record, State};
use crate::sentry::protocol::category::Class;

/// A record that is on its way. It is ready again for whoever adopts it, unless it is settled.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) file: Arc<BoxFile>,
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
    pub fn class(&self) -> Class {
        self.file.class
    }

    /// One that waits is on its way again. `false`: it was dropped meanwhile.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.file.resume(self.index)
    }

    /// Whether it waits still, and was not dropped.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.file.state(self.index) == State::Held
    }

    /// Notes a try that failed.
    pub fn note_attempt(&self) {
        self.file.note_attempt(self.index);
    }
}
