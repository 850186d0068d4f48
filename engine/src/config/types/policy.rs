//! The policies of the shared cache by key pattern, as they are configured: a list in which the first pattern that
//! matches applies. Pure functions.

use std::{fmt, time::Duration};

use super::{
    duration, suggest,
    text::{parse_flag, shorten},
};

/// Patterns of a configuration at most.
pub(super) const MAX_POLICIES: usize = 64;
/// The keys of a policy.
const KEYS: &[&str] = &[
    "ttl", "format", "tier", "hash", "stale", "beta", "write", "warm",
];
/// Longest duration of a policy.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);
/// Largest `beta`.
const MAX_BETA: f64 = 1000.0;

/// The encoding of a value in the second tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueFormat {
    /// JSON, which programs in other languages read.
    Json,
    /// `serialize()`.
    Php,
}

/// When a store reaches the second tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Before the call returns.
    Through,
    /// After it, by the runtime.
    Behind,
    /// Never.
    FirstTier,
}

/// The policy of the keys that match a pattern. An unset field stands for the setting of all keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// The pattern: `*` and a name in braces stand for any bytes, `?` for one.
    pub pattern: String,
    /// Lifetime of values that are stored without one; zero: until they are evicted.
    pub ttl: Option<Duration>,
    /// The encoding in the second tier.
    pub format: Option<ValueFormat>,
    /// Whether the keys are in the first tier only.
    pub is_first_tier_only: bool,
    /// Whether the variable parts of the keys are stored as hashes.
    pub is_hashed: bool,
    /// Time after its lifetime for which `remember()` may return a value while it is computed anew.
    pub stale: Option<Duration>,
    /// Factor of the early refresh of `remember()`; 0: none.
    pub beta: Option<f64>,
    /// When a store reaches the second tier.
    pub write: Option<WriteMode>,
    /// Whether each process reads the value when it begins to use the second tier; the pattern is that key.
    pub is_warmed: bool,
}

impl Policy {
    /// The policy of a pattern, with values by their keys.
    ///
    /// # Errors
    /// The reason as a noun phrase, with pattern and key.
    pub(in crate::config) fn parse<'a>(
        pattern: &str,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let shown = shorten(pattern);
        let within = |reason: &str| format!("{reason} in the policy of {shown:?}");
        check_pattern(pattern).map_err(within)?;
        let mut policy = Self {
            pattern: pattern.into(),
            ..Self::default()
        };
        for (key, value) in values {
            policy.set(key, value).map_err(|reason| within(&reason))?;
        }
        if policy.is_warmed && pattern.contains(['*', '?', '{']) {
            return Err(within("warm on for many keys, not for one"));
        }
        Ok(policy)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let choice = |words: &'static [&'static str]| {
            words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(value))
                .ok_or_else(|| {
                    format!(
                        "{key} {:?}, not one of {}",
                        shorten(value),
                        words.join(", ")
                    )
                })
        };
        match key {
            "ttl" => self.ttl = Some(parse_duration(key, value)?),
            "stale" => self.stale = Some(parse_duration(key, value)?),
            "format" => {
                self.format = Some(match choice(&["json", "php"])? {
                    0 => ValueFormat::Json,
                    _ => ValueFormat::Php,
                });
            }
            "tier" => self.is_first_tier_only = choice(&["first", "both"])? == 0,
            "hash" => {
                self.is_hashed = parse_flag(value)
                    .ok_or_else(|| format!("hash {:?}, not on or off", shorten(value)))?;
            }
            "warm" => {
                self.is_warmed = parse_flag(value)
                    .ok_or_else(|| format!("warm {:?}, not on or off", shorten(value)))?;
            }
            "beta" => {
                let beta = value
                    .parse()
                    .ok()
                    .filter(|beta| (0.0..=MAX_BETA).contains(beta));
                self.beta = Some(beta.ok_or_else(|| {
                    format!(
                        "beta {:?}, not a number from 0 to {MAX_BETA}",
                        shorten(value)
                    )
                })?);
            }
            "write" => {
                self.write = Some(match choice(&["through", "behind", "first-tier"])? {
                    0 => WriteMode::Through,
                    1 => WriteMode::Behind,
                    _ => WriteMode::FirstTier,
                });
            }
            _ => {
                let suggestion = suggest::closest(key, KEYS.iter().copied())
                    .map(|known| format!("; did you mean {known}?"))
                    .unwrap_or_default();
                return Err(format!("unknown key {:?}{suggestion}", shorten(key)));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)?;
        if let Some(ttl) = self.ttl {
            write!(f, " ttl={}", duration::format(ttl))?;
        }
        match self.format {
            Some(ValueFormat::Json) => f.write_str(" format=json")?,
            Some(ValueFormat::Php) => f.write_str(" format=php")?,
            None => {}
        }
        if self.is_first_tier_only {
            f.write_str(" tier=first")?;
        }
        if self.is_hashed {
            f.write_str(" hash=on")?;
        }
        if let Some(stale) = self.stale {
            write!(f, " stale={}", duration::format(stale))?;
        }
        if let Some(beta) = self.beta {
            write!(f, " beta={beta}")?;
        }
        if self.is_warmed {
            f.write_str(" warm=on")?;
        }
        match self.write {
            Some(WriteMode::Through) => f.write_str(" write=through"),
            Some(WriteMode::Behind) => f.write_str(" write=behind"),
            Some(WriteMode::FirstTier) => f.write_str(" write=first-tier"),
            None => Ok(()),
        }
    }
}

/// Parses the notation of INI and environment: `pattern key=value key=value, pattern …`.
pub(super) fn parse_list(text: &str) -> Result<Vec<Policy>, String> {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    check_list(entries.map(parse_entry).collect::<Result<_, _>>()?)
}

/// Parses `pattern key=value …`.
///
/// # Errors
/// As [`Policy::parse`].
pub(in crate::config) fn parse_entry(entry: &str) -> Result<Policy, String> {
    let mut words = entry.split_whitespace();
    let pattern = words.next().unwrap_or_default();
    let pairs = words
        .map(|word| {
            word.split_once('=')
                .ok_or_else(|| format!("{:?} without a value", shorten(word)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Policy::parse(pattern, pairs)
}

/// Checks the policies together.
///
/// # Errors
/// There are too many, or two of one pattern.
pub(in crate::config) fn check_list(policies: Vec<Policy>) -> Result<Vec<Policy>, String> {
    if policies.len() > MAX_POLICIES {
        return Err(format!("more than {MAX_POLICIES} patterns"));
    }
    for (index, policy) in policies.iter().enumerate() {
        let before = policies.iter().take(index);
        if before
            .into_iter()
            .any(|other| other.pattern == policy.pattern)
        {
            return Err(format!("the pattern {:?} twice", shorten(&policy.pattern)));
        }
    }
    Ok(policies)
}

/// A pattern is a word, so that it can stand in a list of INI, and its braces are in pairs.
fn check_pattern(pattern: &str) -> Result<(), &'static str> {
    let is_separator = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    if pattern.is_empty() {
        return Err("an empty pattern");
    }
    if pattern.contains(is_separator) {
        return Err("white space, a comma or a control character");
    }
    let mut is_open = false;
    for brace in pattern.chars().filter(|c| matches!(c, '{' | '}')) {
        if is_open == (brace == '{') {
            return Err("a brace without its other one");
        }
        is_open = !is_open;
    }
    if is_open {
        return Err("a brace without its other one");
    }
    Ok(())
}

fn parse_duration(key: &str, value: &str) -> Result<Duration, String> {
    duration::parse(value)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| {
            format!(
                "{key} {:?}, not a duration up to {}",
                shorten(value),
                duration::format(MAX_DURATION)
            )
        })
}
