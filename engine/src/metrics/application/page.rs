//! All numbers of the application's metrics, as families of the page: in the order of their names, and in each in one
//! that depends on the labels only, so that two pages compare. Any thread.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    super::{Family, Reading, Sample, cell::Cell, family::Labels},
    Application, Series,
    definition::{Definition, PID_LABEL, check_label, is_name_of_numbers},
    encoding::take_text,
    gauge_mode::GaugeMode,
    live,
    records::{IS_CLEARED, LIVE, NAME, SERIES, split},
};

impl Application {
    /// Reads all metrics that have a series.
    #[must_use]
    pub fn families(&'static self) -> Vec<Family> {
        let mut families = BTreeMap::new();
        self.records.for_each(|record| {
            let key = record.key();
            if let (Some((&NAME, name)), Some(current)) =
                (key.split_first(), record.words().first())
                && let Some(definition) = self.definition_at(current.load(Ordering::Acquire))
            {
                families.insert(name.to_vec(), OpenFamily::new(definition));
            }
        });
        self.for_each_series(|key, words| {
            let Some((name, layout, rest)) = split(&key) else {
                return;
            };
            // A series with the layout of a former definition is not on the page, and a cleared one neither.
            let is_cleared = words
                .first()
                .is_none_or(|state| state.load(Ordering::Relaxed) == IS_CLEARED);
            if let Some(family) = families.get_mut(name)
                && family.layout == layout
                && !is_cleared
            {
                let labels_at = key.len() - rest.len();
                family.series.push((key, labels_at, words));
            }
        });
        self.for_each_live(|number, key, words| {
            let Some((name, layout, rest)) = split(&key) else {
                return;
            };
            if let Some(family) = families.get_mut(name)
                && family.layout == layout
                && self.live.is_alive(&self.records, number, words)
                && let Some(value) = live::read(words)
            {
                let values = family.live.entry(rest.to_vec()).or_default();
                values.push(value);
            }
        });
        families.retain(|_, family| !family.series.is_empty() || !family.live.is_empty());
        let mut read: Vec<Family> = Vec::new();
        for family in families.into_values() {
            // Two processes may have defined both at the same time; the shorter name comes first.
            let name = &family.definition.name;
            let is_taken = |other: &Family| is_name_of_numbers(name, &other.name, other.kind);
            if !read.iter().any(is_taken) {
                read.push(family.read());
            }
        }
        read
    }

    /// Calls `each` with the key of every series and its words: the state, and the numbers.
    pub(super) fn for_each_series(
        &'static self,
        mut each: impl FnMut(Vec<u8>, &'static [AtomicU64]),
    ) {
        self.records.for_each(|record| {
            let mut key = record.key();
            if key.first() == Some(&SERIES) {
                key.remove(0);
                each(key, record.words());
            }
        });
    }
}

impl Application {
    /// Calls `each` with the number of the owner, the key and the words of every series of a process.
    pub(super) fn for_each_live(
        &'static self,
        mut each: impl FnMut(u32, Vec<u8>, &'static [AtomicU64]),
    ) {
        self.records.for_each(|record| {
            let key = record.key();
            if let Some((&LIVE, rest)) = key.split_first()
                && let Some((number, rest)) = rest.split_first_chunk::<4>()
            {
                each(u32::from_le_bytes(*number), rest.to_vec(), record.words());
            }
        });
    }
}

/// A family during the collection of its series.
struct OpenFamily {
    definition: Definition,
    layout: Vec<u8>,
    /// Keys, with the place of the labels in each, and words.
    series: Vec<(Vec<u8>, usize, &'static [AtomicU64])>,
    /// Process ids and values of living processes, by the bytes of their labels.
    live: BTreeMap<Vec<u8>, Vec<(u64, f64)>>,
}

impl OpenFamily {
    fn new(definition: Definition) -> Self {
        Self {
            layout: definition.layout(),
            definition,
            series: Vec::new(),
            live: BTreeMap::new(),
        }
    }

    fn read(mut self) -> Family {
        self.series.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let definition = &self.definition;
        let samples = self.series.iter().filter_map(|(key, labels_at, words)| {
            let cells = words
                .get(1..)
                .filter(|cells| cells.len() == definition.cells())?;
            Some(Sample {
                labels: labels(key.get(*labels_at..)?, definition)?,
                reading: Series::new(definition, Cell::of_words(cells)).reading(),
            })
        });
        let live = self.live.iter().filter_map(|(bytes, values)| {
            let labels = labels(bytes, definition)?;
            Some(live_samples(labels, values, definition.mode))
        });
        Family {
            samples: samples.chain(live.flatten()).collect(),
            name: definition.name.clone().into(),
            help: definition.help.clone().into(),
            kind: definition.kind,
        }
    }
}

/// The samples of one series of processes.
fn live_samples(labels: Labels, values: &[(u64, f64)], mode: GaugeMode) -> Vec<Sample> {
    let sample = |labels, value| Sample {
        labels,
        reading: Reading::Number(value),
    };
    let numbers = values.iter().map(|(_, value)| *value);
    let number = match mode {
        GaugeMode::LiveMax => numbers.fold(f64::NEG_INFINITY, f64::max),
        GaugeMode::LiveMin => numbers.fold(f64::INFINITY, f64::min),
        GaugeMode::LiveAll => {
            // Processes of two containers may have one id, and a series is on the page once.
            let by_pid: BTreeMap<u64, f64> = values.iter().copied().collect();
            let each = by_pid.into_iter().map(|(pid, value)| {
                let mut labels = labels.clone();
                labels.push((PID_LABEL.into(), pid.to_string().into()));
                sample(labels, value)
            });
            return each.collect();
        }
        GaugeMode::LiveSum | GaugeMode::MostRecent => numbers.sum(),
    };
    vec![sample(labels, number)]
}

/// The labels in the order of their declaration; without one, in that of their names.
fn labels(mut bytes: &[u8], definition: &Definition) -> Option<Labels> {
    let mut labels = Labels::new();
    while !bytes.is_empty() {
        let label = take_text(&mut bytes)?;
        check_label(&label, definition.kind).ok()?;
        labels.push((label.into(), take_text(&mut bytes)?.into()));
    }
    let declared = &definition.labels;
    if !declared.is_empty() {
        labels.sort_by_key(|(label, _)| declared.iter().position(|declared| declared == label));
    }
    Some(labels)
}
