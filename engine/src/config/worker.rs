//! The section `worker` as the extension uses it: typed, ranges kept.

use super::{kind::Value, settings::Values};

/// What `worker.reset` may name.
pub const RESETTABLE: &[&str] = &["ini", "handlers", "timezone", "wrappers", "session"];

/// See the settings of the same names in the table.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the table says what each is")]
pub struct WorkerSettings {
    pub reset: ResetSet,
}

/// Some of [`RESETTABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetSet(u8);

impl ResetSet {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// These; other words count for nothing.
    #[must_use]
    pub fn of(words: &[&str]) -> Self {
        Self(words.iter().fold(0, |bits, word| bits | bit(word)))
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, word: &str) -> bool {
        self.0 & bit(word) != 0
    }
}

fn bit(word: &str) -> u8 {
    let place = RESETTABLE.iter().position(|known| *known == word);
    place.map_or(0, |place| 1 << place)
}

impl WorkerSettings {
    pub(super) fn gather(values: Values<'_>) -> Self {
        Self {
            reset: match values("worker.reset") {
                Some(Value::Words(words)) => ResetSet::of(&words),
                _ => ResetSet::NONE,
            },
        }
    }
}
