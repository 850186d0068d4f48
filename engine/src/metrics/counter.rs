//! Counters. All are statics with a cell for every combination of their labels' values: counting needs no registration,
//! lock or allocation.

use super::{
    cells::Cells,
    derived::Samples,
    family::{Description, Metric, Reading, Sample, series},
};
use crate::shm::counters::CounterSegment;

/// A count, or counts with labels. `SERIES` is [`series`] of the labels.
#[derive(Debug)]
pub struct Counter<const SERIES: usize = 1> {
    cells: Cells<SERIES>,
    description: Description,
}

impl<const SERIES: usize> Counter<SERIES> {
    pub(super) const fn new(description: Description) -> Self {
        assert!(
            SERIES == series(description.labels),
            "SERIES is series(labels)"
        );
        Self {
            cells: Cells::new(),
            description,
        }
    }

    /// Adds one for these values, in the order of the labels.
    #[inline]
    pub fn inc_for(&self, values: &[&str]) {
        self.add_for(values, 1);
    }

    /// Adds `by` for these values.
    #[inline]
    pub fn add_for(&self, values: &[&str], by: u64) {
        if let Some(cell) = self.cells.get(self.description.series(values)) {
            cell.add(by);
        }
    }

    /// Returns the count for these values, within the metric's scope.
    #[must_use]
    pub fn get_for(&self, values: &[&str]) -> u64 {
        let cell = self.cells.get(self.description.series(values));
        cell.map_or(0, |cell| cell.get())
    }
}

impl Counter {
    /// Adds one: one relaxed atomic addition.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `by`.
    #[inline]
    pub fn add(&self, by: u64) {
        if let [cell] = self.cells.all() {
            cell.add(by);
        }
    }

    /// Returns the count, within the metric's scope.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.get_for(&[])
    }
}

impl<const SERIES: usize> Metric for Counter<SERIES> {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Known series exist from the start, so that a first failure is visible as an increase.
    fn samples(&self, _: &Samples) -> Vec<Sample> {
        let cells = self.cells.all().iter().enumerate();
        let samples = cells.filter_map(|(index, cell)| {
            let (labels, known) = self.description.labels(index);
            let count = cell.get();
            (known || count > 0).then_some(Sample {
                labels,
                reading: Reading::Number(count as f64),
            })
        });
        samples.collect()
    }

    fn share(&self, segment: &'static CounterSegment, replaces: bool) -> bool {
        let name = self.description.block_name(&[]);
        let block = segment.block(name.as_bytes(), SERIES);
        if let Some(block) = block {
            self.cells.share(block, replaces, |_| false);
        }
        block.is_some()
    }

    fn reset(&self) {
        self.cells.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{
        Label, OTHER,
        family::{MetricKind, Scope},
    };

    const LABELS: &[Label] = &[
        Label {
            name: "os",
            values: &["linux", "darwin"],
        },
        Label {
            name: "arch",
            values: &["amd64", "arm64", "386"],
        },
    ];

    #[test]
    fn combinations_count_separately_and_unknown_as_other() {
        let builds = Counter::<{ series(LABELS) }>::new(Description {
            name: "b_total",
            help: "B.",
            kind: MetricKind::Counter,
            scope: Scope::Host,
            labels: LABELS,
        });
        builds.inc_for(&["linux", "arm64"]);
        builds.add_for(&["darwin", "386"], 5);
        builds.inc_for(&["plan9", "arm64"]);
        builds.inc_for(&["beos", "arm64"]);
        builds.inc_for(&["linux"]);
        for (values, count) in [
            (["linux", "arm64"], 1),
            (["darwin", "386"], 5),
            ([OTHER, "arm64"], 2),
            (["linux", OTHER], 1),
            (["linux", "amd64"], 0),
        ] {
            assert_eq!(builds.get_for(&values), count, "{values:?}");
        }
        let samples = builds.samples(&Samples::default());
        let find = |os: &str, arch: &str| {
            samples
                .iter()
                .find(|s| s.labels[0].1 == os && s.labels[1].1 == arch)
                .map(|s| s.reading.clone())
        };
        assert_eq!(find("darwin", "386"), Some(Reading::Number(5.0)));
        assert_eq!(find("linux", "386"), Some(Reading::Number(0.0)));
        assert_eq!(find(OTHER, "arm64"), Some(Reading::Number(2.0)));
        assert_eq!(find(OTHER, OTHER), None);
        builds.reset();
        assert_eq!(builds.get_for(&["darwin", "386"]), 0);
    }
}
