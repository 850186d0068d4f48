//! Histograms: values sorted into fixed buckets. Statics like the counters.

use super::{
    cell::Cell,
    cells::Cells,
    derived::Samples,
    family::{Description, Label, Metric, Reading, Sample, series},
};
use crate::shm::counters::CounterSegment;

/// Returns the number of cells of a histogram: for each series one per bound, one above all bounds, and the sum.
#[must_use]
pub const fn histogram(labels: &[Label], bounds: &[f64]) -> usize {
    series(labels) * width(bounds.len())
}

/// Returns the number of cells of one series.
#[must_use]
pub(super) const fn width(bounds: usize) -> usize {
    bounds + 2
}

/// Values sorted into buckets, with labels or without. `CELLS` is [`histogram`] of labels and bounds.
#[derive(Debug)]
pub struct Histogram<const CELLS: usize> {
    cells: Cells<CELLS>,
    description: Description,
    bounds: &'static [f64],
}

impl<const CELLS: usize> Histogram<CELLS> {
    /// An empty histogram. `bounds` ascend.
    pub(super) const fn new(description: Description, bounds: &'static [f64]) -> Self {
        assert!(
            CELLS == histogram(description.labels, bounds),
            "CELLS is histogram(labels, bounds)"
        );
        Self {
            cells: Cells::new(),
            description,
            bounds,
        }
    }

    /// Records a value, in the unit of the name; NaN is ignored.
    pub fn observe(&self, values: &[&str], value: f64) {
        if value.is_nan() {
            return;
        }
        let cells = self.series(self.description.series(values));
        let bucket = self.bounds.iter().position(|bound| value <= *bound);
        if let Some(cell) = cells.get(bucket.unwrap_or(self.bounds.len())) {
            cell.add(1);
        }
        if let Some(sum) = cells.last() {
            sum.add_float(value);
        }
    }

    /// Returns the number of recorded values for these labels, within the metric's scope.
    #[must_use]
    pub fn count(&self, values: &[&str]) -> u64 {
        let cells = self.series(self.description.series(values));
        cells
            .iter()
            .take(self.bounds.len() + 1)
            .map(Cell::get)
            .sum()
    }

    /// Returns an estimate of the value that this part of the recorded ones, 0 to 1, does not exceed: linear within a
    /// bucket, as Prometheus computes it. 0 without any; at most the last bound.
    #[must_use]
    pub fn quantile(&self, values: &[&str], part: f64) -> f64 {
        let cells = self.series(self.description.series(values));
        let counts = || cells.iter().take(self.bounds.len() + 1).map(Cell::get);
        let wanted = part * counts().sum::<u64>() as f64;
        let (mut seen, mut lower) = (0.0, 0.0);
        for (count, bound) in counts().zip(self.bounds) {
            let count = count as f64;
            if count > 0.0 && seen + count >= wanted {
                return lower + (bound - lower) * ((wanted - seen) / count).clamp(0.0, 1.0);
            }
            seen += count;
            lower = *bound;
        }
        if seen < wanted { lower } else { 0.0 }
    }

    const fn width(&self) -> usize {
        width(self.bounds.len())
    }

    fn series(&self, index: usize) -> &[Cell] {
        let mut series = self.cells.all().chunks(self.width());
        series.nth(index).unwrap_or_default()
    }

    fn reading(&self, cells: &[Cell]) -> (Reading, u64) {
        let mut count = 0;
        let below = self.bounds.iter().zip(cells).map(|(bound, cell)| {
            count += cell.get();
            (*bound, count)
        });
        let below = below.collect();
        count += cells.get(self.bounds.len()).map_or(0, Cell::get);
        let sum = cells.last().map_or(0.0, Cell::get_float);
        (Reading::Buckets { below, sum, count }, count)
    }
}

impl<const CELLS: usize> Metric for Histogram<CELLS> {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Known series exist from the start, as those of counters do.
    fn samples(&self, _: &Samples) -> Vec<Sample> {
        let series = self.cells.all().chunks(self.width()).enumerate();
        let samples = series.filter_map(|(index, cells)| {
            let (labels, known) = self.description.labels(index);
            let (reading, count) = self.reading(cells);
            (known || count > 0).then_some(Sample { labels, reading })
        });
        samples.collect()
    }

    fn share(&self, segment: &'static CounterSegment, replaces: bool) -> bool {
        let name = self.description.block_name(self.bounds);
        let block = segment.block(name.as_bytes(), CELLS);
        if let Some(block) = block {
            let is_sum = |index| index % self.width() == self.width() - 1;
            self.cells.share(block, replaces, is_sum);
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
    use crate::metrics::family::{MetricKind, Scope};

    const LABELS: &[Label] = &[Label {
        name: "arch",
        values: &["amd64", "arm64"],
    }];
    const BOUNDS: &[f64] = &[1.0, 5.0];

    fn seconds() -> Histogram<{ histogram(LABELS, BOUNDS) }> {
        let description = Description {
            name: "s",
            help: "S.",
            kind: MetricKind::Histogram,
            scope: Scope::Host,
            labels: LABELS,
        };
        Histogram::new(description, BOUNDS)
    }

    #[test]
    fn buckets_include_their_bound() {
        let seconds = seconds();
        for value in [0.5, 1.0, 1.5, 5.0, 99.0, f64::NAN] {
            seconds.observe(&["amd64"], value);
        }
        let samples = seconds.samples(&Samples::default());
        assert_eq!(samples.len(), 2, "known ones only");
        assert_eq!(
            samples[0].reading,
            Reading::Buckets {
                below: vec![(1.0, 2), (5.0, 4)],
                sum: 107.0,
                count: 5
            }
        );
        assert_eq!(seconds.count(&["arm64"]), 0);
    }

    #[test]
    fn quantile_is_linear_within_a_bucket() {
        let seconds = seconds();
        assert_eq!(seconds.quantile(&["amd64"], 0.99), 0.0);
        for _ in 0..4 {
            seconds.observe(&["amd64"], 0.5);
            seconds.observe(&["amd64"], 3.0);
        }
        for (part, value) in [(0.25, 0.5), (0.5, 1.0), (0.75, 3.0), (1.0, 5.0)] {
            assert_eq!(seconds.quantile(&["amd64"], part), value);
        }
        (0..92).for_each(|_| seconds.observe(&["amd64"], 99.0));
        assert_eq!(seconds.quantile(&["amd64"], 0.99), 5.0, "the last bound");
        assert_eq!(seconds.quantile(&["arm64"], 0.99), 0.0);
    }

    #[test]
    fn processes_share_buckets_and_sum() {
        let (one, other) = (seconds(), seconds());
        let segment = Box::leak(Box::new(CounterSegment::anonymous().unwrap()));
        for seconds in [&one, &other] {
            seconds.observe(&["arm64"], 0.25);
            assert!(seconds.share(segment, false));
            seconds.observe(&["arm64"], 7.5);
        }
        let expected = Reading::Buckets {
            below: vec![(1.0, 2), (5.0, 2)],
            sum: 15.5,
            count: 4,
        };
        assert_eq!(one.samples(&Samples::default())[1].reading, expected);
        assert_eq!(other.count(&["arm64"]), 4);
    }
}
