//! What is told of what is left behind: a line in the log for each name once, and a number each time.

use pillion_engine::worker::residue::{Action, ResidueKind};

use super::{Before, RESIDUE_STATS, with};
use crate::worker::identity;

/// Something that was left behind.
pub struct Found {
    kind: ResidueKind,
    name: String,
    what: String,
    action: Action,
}

impl Before {
    /// Notes it, to be told at the next [`tell`].
    pub fn note(
        &mut self,
        kind: ResidueKind,
        name: impl Into<String>,
        what: impl Into<String>,
        action: Action,
    ) {
        self.found.push(Found {
            kind,
            name: name.into(),
            what: what.into(),
            action,
        });
    }
}

/// A line in the log the first time, and a number in `Worker\status()` each time. Values of settings and
/// variables are no business of a log's: they may be passwords.
pub fn tell() {
    for found in with(|before| std::mem::take(&mut before.found)).unwrap_or_default() {
        let Found {
            kind,
            name,
            what,
            action,
        } = found;
        if !RESIDUE_STATS.count(kind, name.as_bytes(), action) {
            continue;
        }
        let level = match action {
            Action::Reported => log::Level::Warn,
            Action::Accepted | Action::Restored => log::Level::Info,
        };
        log::log!(
            level,
            kind = kind.name(),
            name = name.as_str(),
            what = what.as_str(),
            fate = action.name(),
            request_id = identity::known_id().as_str();
            "left behind"
        );
    }
}
