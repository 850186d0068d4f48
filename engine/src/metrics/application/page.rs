//! All numbers of the application's metrics, as families of the page: in the order of their names, and in each in one
//! that depends on the labels only, so that two pages compare. Any thread.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    super::{Family, Sample, cell::Cell, family::Labels},
    Application, IS_CLEARED, NAME, SERIES, Series,
    definition::{Definition, check_label, take, take_text},
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
        let families = families
            .into_values()
            .filter(|family| !family.series.is_empty());
        families.map(OpenFamily::read).collect()
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

/// A family during the collection of its series.
struct OpenFamily {
    definition: Definition,
    layout: Vec<u8>,
    /// Keys, with the place of the labels in each, and words.
    series: Vec<(Vec<u8>, usize, &'static [AtomicU64])>,
}

impl OpenFamily {
    fn new(definition: Definition) -> Self {
        Self {
            layout: definition.layout(),
            definition,
            series: Vec::new(),
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
        Family {
            samples: samples.collect(),
            name: definition.name.clone().into(),
            help: definition.help.clone().into(),
            kind: definition.kind,
        }
    }
}

/// Splits the key of a series into the name of its metric, the layout, and the labels.
pub(super) fn split(mut key: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let name = take(&mut key)?;
    let layout = take(&mut key)?;
    Some((name, layout, key))
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
