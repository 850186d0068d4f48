//! Metrics of the application: PHP code names them, and all processes of the host add to the same numbers, in
//! `application-metrics-v1.seg` in `run_dir`. Numbers outlive processes, also killed ones. The segment has a fixed
//! size; a series that it has no space for is refused and counted. Any thread.
//!
//! # Layout
//!
//! * [`definition`] names, types and their checks; [`series`] the numbers of one series.
//! * [`mod@current`] the segment that the process has open.
//! * [`known`] the series that one thread has used.
//! * [`page`] all numbers, for the page of metrics.

mod current;
pub mod definition;
mod known;
mod page;
pub mod series;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{MetricKind, cell::Cell};
use crate::shm::records::{Record, Records};
pub(super) use current::{after_fork, check, is_lost};
pub use current::{current, install};
use definition::{Definition, check_label, put};
pub use known::KnownSeries;
pub use series::Series;

/// The first byte of a record's key.
const DEFINITION: u8 = b'd';
const NAME: u8 = b'n';
const SERIES: u8 = b's';
/// User words of the segment.
const GENERATION: usize = 0;
const REFUSED: usize = 1;
/// The first word of a series: 1 after it was cleared, until it is used again.
const IS_CLEARED: u64 = 1;
/// Bytes of the value of a label at most.
const MAX_VALUE: usize = 1024;

/// Names and values of a series' labels.
pub type Labels = Vec<(String, String)>;

/// Why a series can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The call is wrong: "must …", to follow the name of the argument that has the metric's name or its labels.
    Invalid(String),
    /// The segment has no more space, which was counted.
    Full,
}

impl From<String> for Refusal {
    fn from(rule: String) -> Self {
        Self::Invalid(rule)
    }
}

/// The metrics of the application.
#[derive(Debug)]
pub struct Application {
    records: Records,
}

impl Application {
    /// Opens the segment at `path`, or creates one of `bytes`. An existing one keeps its size.
    ///
    /// # Errors
    /// The file can't be created or is no such segment.
    pub fn open(path: &Path, bytes: usize) -> io::Result<Self> {
        Records::open(path, bytes).map(|records| Self { records })
    }

    /// Metrics of this process only.
    ///
    /// # Errors
    /// No memory.
    pub fn anonymous(bytes: usize) -> io::Result<Self> {
        Records::anonymous(bytes).map(|records| Self { records })
    }

    /// A number that changes when series that were looked up before may no longer be those of the page.
    #[inline]
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.word(GENERATION)
    }

    /// Series and definitions that were refused because there was no space.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.word(REFUSED)
    }

    /// Bytes that records take, and bytes that they can take.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        self.records.usage()
    }

    /// Defines a metric. Replaces a former definition: numbers of series with another type or other buckets leave the
    /// page. Without labels, its series exists from now on.
    ///
    /// # Errors
    /// A part is invalid, or there is no space.
    pub fn declare(&'static self, definition: Definition) -> Result<(), Refusal> {
        let definition = definition.check()?;
        let (record, name) = self.add_definition(&definition)?;
        let position = record.position();
        if name.swap(position, Ordering::AcqRel) != position {
            self.change_generation();
        }
        if definition.labels.is_empty() {
            self.find_or_add_series(&definition, &Labels::new())?;
        }
        Ok(())
    }

    /// The definition of a metric, or the one by its first use as a `kind`.
    ///
    /// # Errors
    /// The name is invalid, or there is no space.
    pub fn definition(&self, name: &str, kind: MetricKind) -> Result<Definition, Refusal> {
        if let Some(found) = self.defined(name) {
            return Ok(found);
        }
        let definition = Definition::undeclared(name, kind)?;
        let (record, current) = self.add_definition(&definition)?;
        let position = record.position();
        let is_first = current.compare_exchange(0, position, Ordering::AcqRel, Ordering::Acquire);
        match is_first {
            Ok(_) => Ok(definition),
            // Another process was first.
            Err(_) => Ok(self.defined(name).unwrap_or(definition)),
        }
    }

    /// The series with these labels, which is created if there is none. The order of labels does not matter. A value
    /// of more than 1,024 bytes is cut.
    ///
    /// # Errors
    /// The labels are invalid or not those of the definition, or there is no space.
    pub fn series(
        &'static self,
        definition: &Definition,
        labels: Labels,
    ) -> Result<Series, Refusal> {
        let mut labels = labels;
        for (label, value) in &mut labels {
            check_label(label, definition.kind)?;
            let is_boundary = |end: &usize| value.is_char_boundary(*end);
            let end = (0..=MAX_VALUE.min(value.len())).rev().find(is_boundary);
            value.truncate(end.unwrap_or(0));
        }
        labels.sort();
        let mut expected: Vec<&String> = definition.labels.iter().collect();
        expected.sort();
        let has_all = labels
            .iter()
            .map(|(label, _)| label)
            .eq(expected.iter().copied());
        if !definition.labels.is_empty() && !has_all {
            return Err(Refusal::Invalid(format!(
                "must have the labels {}",
                definition.labels.join(", ")
            )));
        }
        if labels
            .windows(2)
            .any(|pair| pair.first().map(|label| &label.0) == pair.last().map(|label| &label.0))
        {
            return Err(Refusal::Invalid(
                "must have labels with different names".into(),
            ));
        }
        if labels.len() > definition::MAX_LABELS {
            let most = definition::MAX_LABELS;
            return Err(Refusal::Invalid(format!("must have at most {most} labels")));
        }
        self.find_or_add_series(definition, &labels)
    }

    /// Sets all numbers to zero, and takes the series off the page until they are used again. Definitions stay.
    pub fn clear(&'static self) {
        self.clear_series(|_| true);
        self.change_generation();
    }

    /// Removes the definition of a metric and clears its series. Returns `false` if it has none.
    pub fn unregister(&'static self, name: &str) -> bool {
        let named = self.records.find(&key(NAME, name.as_bytes()));
        let current = named.and_then(|named| named.words().first());
        let is_removed = current.is_some_and(|current| current.swap(0, Ordering::AcqRel) != 0);
        if is_removed {
            self.clear_series(|cleared| cleared == name.as_bytes());
            self.change_generation();
        }
        is_removed
    }

    /// Clears the series of each metric with a wanted name.
    fn clear_series(&'static self, is_wanted: impl Fn(&[u8]) -> bool) {
        self.for_each_series(|key, words| {
            let name = page::split(&key).map(|(name, ..)| name);
            if name.is_some_and(&is_wanted)
                && let Some((state, cells)) = words.split_first()
            {
                state.store(IS_CLEARED, Ordering::Relaxed);
                Cell::of_words(cells).iter().for_each(Cell::reset);
            }
        });
    }

    fn defined(&self, name: &str) -> Option<Definition> {
        let named = self.records.find(&key(NAME, name.as_bytes()))?;
        let position = named.words().first()?.load(Ordering::Acquire);
        self.definition_at(position)
    }

    fn definition_at(&self, position: u64) -> Option<Definition> {
        let key = self.records.at(position)?.key();
        let encoded = key.strip_prefix(&[DEFINITION])?;
        // Damaged bytes, or a name that a newer version has taken, must not spoil the whole page.
        Definition::decode(encoded)?.check().ok()
    }

    /// The record of a definition, and the word of its name that refers to the current one.
    fn add_definition(&self, definition: &Definition) -> Result<(Record<'_>, &AtomicU64), Refusal> {
        let record = self.add(&key(DEFINITION, &definition.encode()), 0)?;
        let name = self.add(&key(NAME, definition.name.as_bytes()), 1)?;
        let current = name.words().first().ok_or(Refusal::Full)?;
        Ok((record, current))
    }

    fn find_or_add_series(
        &'static self,
        definition: &Definition,
        labels: &Labels,
    ) -> Result<Series, Refusal> {
        let mut bytes = vec![SERIES];
        put(&mut bytes, definition.name.as_bytes());
        put(&mut bytes, &definition.layout());
        for (label, value) in labels {
            put(&mut bytes, label.as_bytes());
            put(&mut bytes, value.as_bytes());
        }
        let record = self.add(&bytes, 1 + definition.cells())?;
        let (state, cells) = record.words().split_first().ok_or(Refusal::Full)?;
        if state.load(Ordering::Relaxed) == IS_CLEARED {
            state.store(0, Ordering::Relaxed);
        }
        Ok(Series::new(definition, Cell::of_words(cells)))
    }

    fn add(&self, key: &[u8], words: usize) -> Result<Record<'_>, Refusal> {
        self.records.find_or_add(key, words).ok_or_else(|| {
            if let Some(refused) = self.records.user_word(REFUSED) {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Refusal::Full
        })
    }

    fn change_generation(&self) {
        if let Some(generation) = self.records.user_word(GENERATION) {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[inline]
    fn word(&self, index: usize) -> u64 {
        let word = self.records.user_word(index);
        word.map_or(0, |word| word.load(Ordering::Acquire))
    }
}

fn key(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(rest);
    key
}
