//! Metrics without cells: the state that they describe exists anyway, and is read when the page is rendered. So a gauge
//! is never wrong, and that of a dead process is gone.

use std::{borrow::Cow, collections::BTreeMap};

use super::family::{Description, Labels, Metric, Reading, Sample, series};
use crate::shm::counters::CounterSegment;

/// A metric that is read from a [`Source`].
#[derive(Debug)]
pub struct Derived {
    description: Description,
}

/// A part of the engine with state that is on the page.
pub trait Source {
    /// Reads its metrics.
    fn read(&self, samples: &mut Samples);
}

/// The numbers that sources have read.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, BTreeMap<Labels, f64>>);

impl Samples {
    /// Reads all sources.
    #[must_use]
    pub fn of(sources: &[&dyn Source]) -> Self {
        let mut samples = Self::default();
        for source in sources {
            source.read(&mut samples);
        }
        samples
    }

    /// Adds to a series, by the values of its labels in their order.
    pub fn add(&mut self, metric: &Derived, values: &[&str], number: f64) {
        let Description { name, labels, .. } = metric.description;
        let values = values.iter().map(|value| Cow::Owned((*value).to_owned()));
        let labels: Labels = labels
            .iter()
            .map(|label| Cow::Borrowed(label.name))
            .zip(values)
            .collect();
        *self.0.entry(name).or_default().entry(labels).or_default() += number;
    }
}

impl Derived {
    pub(super) const fn new(description: Description) -> Self {
        Self { description }
    }
}

impl Metric for Derived {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Known series are zero if no source has read them.
    fn samples(&self, read: &Samples) -> Vec<Sample> {
        let description = &self.description;
        let known = (0..series(description.labels)).map(|index| description.labels(index));
        let known = known.filter(|(_, known)| *known);
        let mut samples: BTreeMap<Labels, f64> = known.map(|(labels, _)| (labels, 0.0)).collect();
        if let Some(read) = read.0.get(description.name) {
            samples.extend(
                read.iter()
                    .map(|(labels, number)| (labels.clone(), *number)),
            );
        }
        let samples = samples.into_iter().map(|(labels, number)| Sample {
            labels,
            reading: Reading::Number(number),
        });
        samples.collect()
    }

    fn share(&self, _: &'static CounterSegment, _: bool) -> bool {
        true
    }

    fn reset(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::{Label, MetricKind, Scope};

    const STATE: Label = Label {
        name: "state",
        values: &["busy", "idle"],
    };
    const PID: Label = Label {
        name: "pid",
        values: &[],
    };

    const fn gauge(name: &'static str, labels: &'static [Label]) -> Derived {
        Derived::new(Description {
            name,
            help: "G.",
            kind: MetricKind::Gauge,
            scope: Scope::Host,
            labels,
        })
    }

    #[test]
    fn known_series_are_zero_and_others_exist_while_read() {
        let (workers, memory) = (gauge("workers", &[STATE]), gauge("memory", &[PID]));
        let mut read = Samples::default();
        for (state, pid) in [("idle", "7"), ("idle", "8"), ("odd", "9")] {
            read.add(&workers, &[state], 1.0);
            read.add(&memory, &[pid], 64.0);
        }
        let numbers = |metric: &Derived, read: &Samples| -> Vec<(String, Reading)> {
            let samples = metric.samples(read).into_iter();
            let number = |sample: Sample| (sample.labels[0].1.to_string(), sample.reading);
            samples.map(number).collect()
        };
        let number = |value: &str, number| (value.to_owned(), Reading::Number(number));
        assert_eq!(
            numbers(&workers, &read),
            [number("busy", 0.0), number("idle", 2.0), number("odd", 1.0)]
        );
        assert_eq!(numbers(&memory, &read).len(), 3);
        assert_eq!(numbers(&memory, &Samples::default()), []);
    }
}
