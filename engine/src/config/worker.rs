//! The section `worker` as the extension uses it: typed, ranges kept.

use super::{settings::Values, value_type::Value};

/// What `worker.reset` may name.
pub const RESETTABLE: &[&str] = &["ini", "handlers", "timezone", "wrappers", "session"];

/// See the settings of the same names in the table.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the table says what each is")]
pub struct WorkerSettings {
    pub reset: ResetSet,
    pub leak_check: Every,
    pub gc: Every,
    /// Bytes; 0: no limit.
    pub max_memory: u64,
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

/// Every n-th time; never, where it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Every(u32);

impl Every {
    /// Never.
    pub const NEVER: Self = Self(0);

    /// Every time of so many; 0 is never.
    #[must_use]
    pub const fn of(number: u32) -> Self {
        Self(number)
    }

    /// See [`Self::of`].
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// As the settings have it: `off`, or `word:n`.
    #[must_use]
    pub fn words(self, word: &str) -> String {
        match self.0 {
            0 => "off".to_owned(),
            count => format!("{word}:{count}"),
        }
    }

    /// Whether it ever is.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.0 != 0
    }

    /// Whether the time of this number, counted from 1, is one.
    #[must_use]
    pub fn is_now(self, number: u64) -> bool {
        self.is_on() && number.is_multiple_of(self.0.into())
    }

    /// `off`, `on`, `sample:100`: what the table has checked.
    fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some((_, count)) => Self(count.parse().unwrap_or(0)),
            None if text == "on" => Self(1),
            None => Self::NEVER,
        }
    }
}

impl WorkerSettings {
    pub(super) fn gather(values: Values<'_>) -> Self {
        let every = |name| match values(name) {
            Some(Value::Text(text)) => Every::read(&text),
            _ => Every::NEVER,
        };
        Self {
            reset: match values("worker.reset") {
                Some(Value::Words(words)) => ResetSet::of(&words),
                _ => ResetSet::NONE,
            },
            leak_check: every("worker.leak_check"),
            gc: every("worker.gc"),
            max_memory: match values("worker.max_memory") {
                Some(Value::Size(bytes)) => bytes,
                _ => 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_time_is_that_and_never_is_never() {
        let times = |text| -> Vec<u64> {
            let every = Every::read(text);
            (1..=6).filter(|number| every.is_now(*number)).collect()
        };
        assert!(times("off").is_empty());
        assert_eq!(times("on"), [1, 2, 3, 4, 5, 6]);
        assert_eq!(times("every:3"), [3, 6]);
        assert_eq!(times("sample:1"), times("on"));
    }
}
