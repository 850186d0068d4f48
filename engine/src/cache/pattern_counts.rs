//! Counts by the pattern of a key: a table of patterns in the segment, each with counters in a few stripes. Processes
//! with other configurations share it: a pattern has its place by the hash of its text, and keeps it as long as the
//! segment exists. Any thread.

use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Cache,
    layout::{LINE_WORDS, MAX_PATTERNS, PATTERN_STRIPES},
    memory::Memory,
    stats,
};

/// An event of a key with a pattern, by its position in a stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum PatternEvent {
    /// A lookup that found a value.
    Hit,
    /// A lookup that found none.
    Miss,
    /// A stored value.
    Stored,
    /// A value that was not stored: too large, or no memory.
    Refused,
}

/// The counts of a pattern, since the segment was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PatternCounts {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Stored values.
    pub stores: u64,
    /// Values that were not stored: too large, or no memory.
    pub refused: u64,
}

impl Cache {
    /// Counts by these patterns from now on: a number below is a position in the list. A pattern for which the segment
    /// has no place is not counted.
    pub fn count_patterns<'a>(&mut self, patterns: impl IntoIterator<Item = &'a str>) {
        self.patterns = patterns
            .into_iter()
            .map(|pattern| claim(&self.memory, pattern.as_bytes()))
            .collect();
    }

    /// Counts a lookup of a key with the pattern of that number, if it has one.
    #[inline]
    pub fn count_lookup(&self, number: Option<usize>, is_found: bool) {
        if let Some(number) = number {
            let event = match is_found {
                true => PatternEvent::Hit,
                false => PatternEvent::Miss,
            };
            self.count_pattern(number, event, 1);
        }
    }

    /// Counts events of keys with the pattern of that number.
    #[inline]
    pub fn count_pattern(&self, number: usize, event: PatternEvent, count: u64) {
        if let Some(Some(place)) = self.patterns.get(number) {
            pattern_word(&self.memory, *place, stats::stripe(), event)
                .fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The counts of the pattern of that number; `None` if it is not counted.
    #[must_use]
    pub fn pattern_counts(&self, number: usize) -> Option<PatternCounts> {
        let place = self.patterns.get(number).copied().flatten()?;
        let sum = |event| {
            (0..PATTERN_STRIPES).fold(0u64, |sum, stripe| {
                let word = pattern_word(&self.memory, place, stripe, event);
                sum.wrapping_add(word.load(Ordering::Relaxed))
            })
        };
        Some(PatternCounts {
            hits: sum(PatternEvent::Hit),
            misses: sum(PatternEvent::Miss),
            stores: sum(PatternEvent::Stored),
            refused: sum(PatternEvent::Refused),
        })
    }
}

/// The place of a pattern, which it gets if it has none.
fn claim(memory: &Memory, pattern: &[u8]) -> Option<usize> {
    let name = xxh3_64(pattern) | 1;
    let start = (name >> 32) as usize;
    (0..MAX_PATTERNS)
        .map(|step| (start + step) % MAX_PATTERNS)
        .find(|place| {
            let word = memory.word(memory.layout.patterns + place);
            match word.compare_exchange(0, name, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => true,
                Err(found) => found == name,
            }
        })
}

fn pattern_word(
    memory: &Memory,
    place: usize,
    stripe: usize,
    event: PatternEvent,
) -> &std::sync::atomic::AtomicU64 {
    let line = place * PATTERN_STRIPES + stripe % PATTERN_STRIPES;
    memory.word(memory.layout.patterns + MAX_PATTERNS + line * LINE_WORDS + event as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::MIN_BYTES;

    #[test]
    fn pattern_is_counted_in_one_place_whatever_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let open = |patterns: &[&str]| {
            let mut cache = Cache::open(&dir.path().join("cache.seg"), MIN_BYTES).unwrap();
            cache.count_patterns(patterns.iter().copied());
            cache
        };
        let (one, other) = (open(&["a:*", "b:*"]), open(&["b:*"]));
        one.count_pattern(1, PatternEvent::Hit, 2);
        other.count_pattern(0, PatternEvent::Hit, 3);
        other.count_pattern(0, PatternEvent::Refused, 1);
        other.count_pattern(1, PatternEvent::Hit, 1);
        let counts = one.pattern_counts(1).unwrap();
        assert_eq!((counts.hits, counts.refused, counts.misses), (5, 1, 0));
        assert_eq!(one.pattern_counts(0), Some(PatternCounts::default()));
        assert_eq!(other.pattern_counts(1), None);
    }

    #[test]
    fn patterns_beyond_the_table_are_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(&dir.path().join("cache.seg"), MIN_BYTES).unwrap();
        let patterns: Vec<_> = (0..=MAX_PATTERNS).map(|n| format!("{n}:*")).collect();
        cache.count_patterns(patterns.iter().map(String::as_str));
        cache.count_pattern(MAX_PATTERNS, PatternEvent::Hit, 1);
        let counted = (0..=MAX_PATTERNS).filter(|n| cache.pattern_counts(*n).is_some());
        assert_eq!(counted.count(), MAX_PATTERNS);
    }
}
