//! Metrics of the application: PHP code names them, and all processes of the host add to the same numbers, in
//! `application-metrics-v1.seg` in `run_dir`. Numbers outlive processes, also killed ones. The segment has a fixed
//! size; a series that it has no space for is refused and counted. Any thread.
//!
//! # Layout
//!
//! * [`definition`] names, types and their checks; `gauge_mode` the processes of a gauge; `encoding` their bytes.
//! * [`series`] the numbers of one series; `lookup` finds it by its labels.
//! * [`mod@current`] the segment that the process has open.
//! * [`live`] gauges that belong to a process.
//! * [`known`] the series that one thread has used.
//! * [`records`] the keys of the segment's records.
//! * [`page`] all numbers, for the page of metrics.

mod current;
pub mod definition;
mod encoding;
mod gauge_mode;
mod known;
mod live;
mod lookup;
mod page;
mod records;
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
pub(super) use current::{check, is_lost};
pub use current::{current, install};
use definition::{Definition, is_name_of_numbers, number_suffixes};
pub use gauge_mode::GaugeMode;
pub use known::KnownSeries;
use live::Live;
pub use records::Refusal;
use records::{DEFINITION, IS_CLEARED, NAME, key, split};
pub use series::Series;

/// User words of the segment.
const GENERATION: usize = 0;
const REFUSED: usize = 1;
/// Names and values of a series' labels.
pub type Labels = Vec<(String, String)>;

/// The metrics of the application.
#[derive(Debug)]
pub struct Application {
    records: Records,
    live: Live,
}

impl Application {
    /// Opens the segment at `path`, or creates one of `bytes`. An existing one keeps its size.
    ///
    /// # Errors
    /// The file can't be created or is no such segment.
    pub fn open(path: &Path, bytes: usize) -> io::Result<Self> {
        let live = Live::new(Some(path.to_owned()));
        Records::open(path, bytes).map(|records| Self { records, live })
    }

    /// Metrics of this process only.
    ///
    /// # Errors
    /// No memory.
    pub fn anonymous(bytes: usize) -> io::Result<Self> {
        let live = Live::new(None);
        Records::anonymous(bytes).map(|records| Self { records, live })
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
        self.check_names(&definition)?;
        let (record, name) = self.add_definition(&definition)?;
        let position = record.position();
        let former = name.swap(position, Ordering::AcqRel);
        if former != position {
            self.change_generation();
        }
        if former != position && former != 0 {
            log::warn!(metric = definition.name.as_str(); "a metric has another definition than before");
        }
        // A process that has no value of a gauge of processes is not on the page.
        if definition.labels.is_empty() && !definition.mode.is_live() {
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
        self.check_names(&definition)?;
        let (record, current) = self.add_definition(&definition)?;
        let position = record.position();
        let is_first = current.compare_exchange(0, position, Ordering::AcqRel, Ordering::Acquire);
        match is_first {
            Ok(_) => Ok(definition),
            // Another process was first.
            Err(_) => Ok(self.defined(name).unwrap_or(definition)),
        }
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
            let name = split(&key).map(|(name, ..)| name);
            if name.is_some_and(&is_wanted)
                && let Some((state, cells)) = words.split_first()
            {
                state.store(IS_CLEARED, Ordering::Relaxed);
                Cell::of_words(cells).iter().for_each(Cell::reset);
            }
        });
        self.for_each_live(|_, key, words| {
            let name = split(&key).map(|(name, ..)| name);
            if name.is_some_and(&is_wanted)
                && let Some(state) = words.first()
            {
                state.store(IS_CLEARED, Ordering::Relaxed);
                let value = words.get(live::WORDS - 1..).unwrap_or_default();
                Cell::of_words(value).iter().for_each(Cell::reset);
            }
        });
    }

    /// Checks that no other metric has a name under which this one has its numbers, or the other way round: the page
    /// would have a series twice.
    fn check_names(&self, definition: &Definition) -> Result<(), Refusal> {
        let name = &definition.name;
        let of_this = number_suffixes(definition.kind).iter().find_map(|suffix| {
            let other = format!("{name}{suffix}");
            self.defined(&other).map(|_| other)
        });
        let of_other = number_suffixes(MetricKind::Histogram)
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .filter_map(|base| self.defined(base))
            .find(|other| is_name_of_numbers(name, &other.name, other.kind));
        match of_this.or(of_other.map(|other| other.name)) {
            Some(other) => Err(Refusal::Invalid(format!(
                "must not have a series of the metric {other} under the same name"
            ))),
            None => Ok(()),
        }
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

/// Opens nothing in a forked child, and releases no lock of its parent. Async-signal-safe.
pub(super) fn after_fork() {
    current::after_fork();
    live::after_fork();
}
