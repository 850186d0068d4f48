//! The section `worker`.

use super::{
    value::Value,
    values::{Values, size},
};

/// The words of `worker.reset`.
pub const RESETTABLE: &[&str] = &["ini", "handlers", "timezone", "wrappers", "session"];

/// The settings of the same names; the table documents each.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the table documents each")]
pub struct WorkerSettings {
    pub reset: ResetSet,
    pub leak_check: Sampling,
    pub gc: Sampling,
    /// Bytes; no limit if 0.
    pub max_memory: u64,
}

/// A subset of [`RESETTABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetSet(u8);

impl ResetSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Creates the set of `words`; other words than [`RESETTABLE`] are ignored.
    #[must_use]
    pub fn of(words: &[&str]) -> Self {
        Self(words.iter().fold(0, |bits, word| bits | bit(word)))
    }

    /// Whether the set contains `word`.
    #[must_use]
    pub fn contains(self, word: &str) -> bool {
        self.0 & bit(word) != 0
    }
}

fn bit(word: &str) -> u8 {
    let index = RESETTABLE.iter().position(|known| *known == word);
    index.map_or(0, |index| 1 << index)
}

/// A sampling rate: one of `n`, or none if `n` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampling(u32);

impl Sampling {
    /// Never.
    pub const NEVER: Self = Self(0);

    /// Samples one of `number`; none if it is 0.
    #[must_use]
    pub const fn of(number: u32) -> Self {
        Self(number)
    }

    /// The `n` of one in `n`; 0 for none.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Formats the rate as a setting: `off`, or `word:n`.
    #[must_use]
    pub fn to_setting(self, word: &str) -> String {
        match self.0 {
            0 => "off".to_owned(),
            count => format!("{word}:{count}"),
        }
    }

    /// Whether any is sampled.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.0 != 0
    }

    /// Whether the item of this number, counted from 1, is sampled.
    #[must_use]
    pub fn includes(self, number: u64) -> bool {
        self.is_on() && number.is_multiple_of(self.0.into())
    }

    /// Parses `off`, `on` or `sample:100`, already validated by the table.
    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((_, count)) => Self(count.parse().unwrap_or(0)),
            None if text == "on" => Self(1),
            None => Self::NEVER,
        }
    }
}

impl WorkerSettings {
    pub(super) fn from_values(values: Values<'_>) -> Self {
        let sampling = |name| match values(name) {
            Some(Value::Text(text)) => Sampling::parse(&text),
            _ => Sampling::NEVER,
        };
        Self {
            reset: match values("worker.reset") {
                Some(Value::Words(words)) => ResetSet::of(&words),
                _ => ResetSet::NONE,
            },
            leak_check: sampling("worker.leak_check"),
            gc: sampling("worker.gc"),
            max_memory: size(values, "worker.max_memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_includes_every_nth_item() {
        let sampled = |text| -> Vec<u64> {
            let sampling = Sampling::parse(text);
            (1..=6)
                .filter(|number| sampling.includes(*number))
                .collect()
        };
        assert!(sampled("off").is_empty());
        assert_eq!(sampled("on"), [1, 2, 3, 4, 5, 6]);
        assert_eq!(sampled("every:3"), [3, 6]);
        assert_eq!(sampled("sample:1"), sampled("on"));
    }
}
