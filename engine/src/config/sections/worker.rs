//! The section `worker`.

use super::super::{
    row::{Row, required, size},
    types::{Value, ValueType},
};

settings! {
    /// Actions between two requests of a worker.
    pub struct WorkerSettings: Worker, "worker." {
        /// State that is restored after each request of a worker; unset: none, residue is logged and counted only.
        /// `docs/guides/worker-mode.md` describes the side effects of each.
        reset: ResetSet = reset();
        /// Requests that `Worker\leaks()` checks: none, each, or one of N, eight in a row each time. The guide has the
        /// cost of a check.
        leak_check: Sampling = sampling("sample", true, "off");
        /// Number of requests of a worker after which cycles are collected, once hooks have run and Pillion has reset.
        /// PHP's own collector runs in any case.
        gc: Sampling = sampling("every", false, "off");
        /// `Worker\loop()` ends after a request if PHP holds more memory from the system (`memory_get_usage(true)`), so
        /// that the worker is restarted; 0: no limit.
        max_memory: u64 = size(0, 1 << 20, "0");
    }
}

/// The words of `worker.reset`.
pub const RESETTABLE: &[&str] = &["ini", "handlers", "timezone", "wrappers", "session"];

const fn reset() -> Row<ResetSet> {
    Row::new(ValueType::Words(RESETTABLE), None, |value| match value {
        Some(Value::Words(words)) => ResetSet::of(&words),
        _ => ResetSet::NONE,
    })
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

/// `word` stands before the number; `has_on` allows `on` for each.
const fn sampling(word: &'static str, has_on: bool, default: &'static str) -> Row<Sampling> {
    let value_type = ValueType::Sampling(word, has_on);
    Row::new(value_type, Some(default), |value| {
        let text: String = required!(Text)(value);
        Sampling::parse(&text)
    })
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
