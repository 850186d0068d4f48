//! The records or bytes that each project holds. Pure values; any thread.

use std::collections::HashMap;

/// Records or bytes of each project.
#[derive(Debug)]
pub(in crate::sentry::outbox) struct ProjectUsage {
    pub(super) by_project: HashMap<u32, usize>,
    /// Evictions until it is counted again.
    pub(super) uses_left: usize,
}

impl ProjectUsage {
    /// The project with the highest usage; of several, `own`.
    pub(super) fn largest(&self, own: Option<u32>) -> Option<u32> {
        let used = self.by_project.iter().filter(|(_, usage)| **usage > 0);
        let rank = |(project, usage): &(&u32, &usize)| (**usage, Some(**project) == own, **project);
        used.max_by_key(rank).map(|(project, _)| *project)
    }

    pub(super) fn subtract(&mut self, project: u32, quantity: usize) {
        if let Some(usage) = self.by_project.get_mut(&project) {
            *usage = usage.saturating_sub(quantity);
        }
    }
}
