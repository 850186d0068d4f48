//! All numbers of the application's metrics, as families of the page: in the order of their names, and of their labels'
//! values, so that two pages compare. Any thread.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    super::{Family, Sample, cell::Cell, family::Labels},
    Application, IS_CLEARED, NAME, SERIES, Series,
    definition::{Definition, take, take_text},
};

impl Application {
    /// Reads all metrics that have a series.
    #[must_use]
    pub fn families(&'static self) -> Vec<Family> {
        let mut families = BTreeMap::new();
        self.records.for_each(|record| {
            let Some(current) = record
                .words()
                .first()
                .filter(|_| record.key().first() == Some(&NAME))
            else {
                return;
            };
            if let Some(definition) = self.definition_at(current.load(Ordering::Acquire)) {
                let (help, kind) = (definition.help.clone().into(), definition.kind);
                let family = Family {
                    name: definition.name.clone().into(),
                    help,
                    kind,
                    samples: Vec::new(),
                };
                families.insert(definition.name.clone(), (definition, family));
            }
        });
        self.for_each_series(|key, state, series| {
            let is_cleared = state
                .first()
                .is_none_or(|state| state.load(Ordering::Relaxed) == IS_CLEARED);
            if is_cleared {
                return;
            }
            let family = families.get_mut(&key.name);
            // A series with the layout of a former definition is not on the page.
            if let Some((definition, family)) = family
                && definition.layout() == key.layout
            {
                family.samples.push(Sample {
                    labels: in_order(key.labels, definition),
                    reading: series.reading(),
                });
            }
        });
        let families = families.into_values().map(|(_, family)| family);
        let mut families: Vec<Family> = families
            .filter(|family| !family.samples.is_empty())
            .collect();
        for family in &mut families {
            family.samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        families
    }

    /// Calls `each` with the key of every series, the word of its state and its numbers.
    pub(super) fn for_each_series(
        &'static self,
        mut each: impl FnMut(SeriesKey, &[AtomicU64], &Series),
    ) {
        self.records.for_each(|record| {
            let key = record.key();
            let Some(parsed) = key.strip_prefix(&[SERIES]).and_then(SeriesKey::parse) else {
                return;
            };
            let Some(definition) = parsed.definition() else {
                return;
            };
            let (state, cells) = record.words().split_at(record.words().len().min(1));
            if cells.len() == definition.cells() {
                let series = Series::new(&definition, Cell::of_words(cells));
                each(parsed, state, &series);
            }
        });
    }
}

/// The key of a series.
pub(super) struct SeriesKey {
    pub name: String,
    layout: Vec<u8>,
    labels: Vec<(String, String)>,
}

impl SeriesKey {
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let name = take_text(&mut bytes)?;
        let layout = take(&mut bytes)?.to_vec();
        let mut labels = Vec::new();
        while !bytes.is_empty() {
            labels.push((take_text(&mut bytes)?, take_text(&mut bytes)?));
        }
        Some(Self {
            name,
            layout,
            labels,
        })
    }

    /// The parts of the definition that its layout tells.
    fn definition(&self) -> Option<Definition> {
        Definition::of_layout(&self.name, &self.layout)
    }
}

/// The labels in the order of their declaration; without one, in that of their names.
fn in_order(mut labels: Vec<(String, String)>, definition: &Definition) -> Labels {
    let declared = &definition.labels;
    let position = |label: &String| declared.iter().position(|declared| declared == label);
    labels.sort_by_key(|(label, _)| position(label));
    let labels = labels.into_iter();
    labels
        .map(|(label, value)| (label.into(), value.into()))
        .collect()
}
