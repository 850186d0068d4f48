//! What is told of what is left behind: a line in the log for each name once, and a number each time.

use pillion_engine::worker::residue::{Fate, Kind};

use super::{Before, LEFT, with};
use crate::worker::identity;

/// Something that was left behind.
pub struct Found {
    kind: Kind,
    name: String,
    what: String,
    fate: Fate,
}

impl Before {
    /// Notes it, to be told at the next [`tell`].
    pub fn note(
        &mut self,
        kind: Kind,
        name: impl Into<String>,
        what: impl Into<String>,
        fate: Fate,
    ) {
        self.found.push(Found {
            kind,
            name: name.into(),
            what: what.into(),
            fate,
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
            fate,
        } = found;
        if !LEFT.count(kind, name.as_bytes(), fate) {
            continue;
        }
        let level = match fate {
            Fate::Left => log::Level::Warn,
            Fate::Kept | Fate::PutBack => log::Level::Info,
        };
        log::log!(
            level,
            kind = kind.name(),
            name = name.as_str(),
            what = what.as_str(),
            fate = fate.name(),
            request_id = identity::known_id().as_str();
            "left behind"
        );
    }
}
