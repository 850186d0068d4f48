//! Histograms: values sorted into fixed buckets. Statics like the counters.

use super::{
    cell::Cell,
    family::{Description, Family, Label, Metric, MetricKind, Reading, Sample, series},
};

/// Returns the number of cells of a histogram: for each series one per bound, one above all bounds, and the sum.
#[must_use]
pub const fn histogram(labels: &[Label], bounds: &[f64]) -> usize {
    series(labels) * (bounds.len() + 2)
}

/// Values sorted into buckets, with labels or without. `CELLS` is [`histogram`] of labels and bounds.
#[derive(Debug)]
pub struct Histogram<const CELLS: usize> {
    cells: [Cell; CELLS],
    description: Description,
    bounds: &'static [f64],
}

impl<const CELLS: usize> Histogram<CELLS> {
    /// An empty histogram. `bounds` ascend.
    #[must_use]
    pub const fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [Label],
        bounds: &'static [f64],
    ) -> Self {
        assert!(
            CELLS == histogram(labels, bounds),
            "CELLS is histogram(labels, bounds)"
        );
        Self {
            cells: [const { Cell::new() }; CELLS],
            description: Description { name, help, labels },
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

    /// Returns the number of recorded values for these labels.
    #[must_use]
    pub fn count(&self, values: &[&str]) -> u64 {
        let cells = self.series(self.description.series(values));
        cells
            .iter()
            .take(self.bounds.len() + 1)
            .map(Cell::get)
            .sum()
    }

    fn series(&self, index: usize) -> &[Cell] {
        let width = self.bounds.len() + 2;
        self.cells.chunks(width).nth(index).unwrap_or_default()
    }
}

impl<const CELLS: usize> Metric for Histogram<CELLS> {
    /// Reads only series with values, because there may be hundreds; a histogram without labels is always read.
    fn read(&self) -> Family {
        let width = self.bounds.len() + 2;
        let samples = self
            .cells
            .chunks(width)
            .enumerate()
            .filter_map(|(index, cells)| {
                let mut count = 0;
                let below = self
                    .bounds
                    .iter()
                    .zip(cells)
                    .map(|(bound, cell)| {
                        count += cell.get();
                        (*bound, count)
                    })
                    .collect();
                count += cells.get(self.bounds.len()).map_or(0, Cell::get);
                (count > 0 || self.description.labels.is_empty()).then(|| Sample {
                    labels: self.description.labels(index).0,
                    reading: Reading::Buckets {
                        below,
                        sum: cells.last().map_or(0.0, Cell::get_float),
                        count,
                    },
                })
            });
        self.description
            .family(MetricKind::Histogram, samples.collect())
    }

    fn reset(&self) {
        self.cells.iter().for_each(Cell::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &[Label] = &[Label {
        name: "arch",
        values: &["amd64", "arm64"],
    }];
    const BOUNDS: &[f64] = &[1.0, 5.0];

    #[test]
    fn buckets_include_their_bound() {
        static SECONDS: Histogram<{ histogram(LABELS, BOUNDS) }> =
            Histogram::new("s", "S.", LABELS, BOUNDS);
        for value in [0.5, 1.0, 1.5, 5.0, 99.0, f64::NAN] {
            SECONDS.observe(&["amd64"], value);
        }
        SECONDS.observe(&["arm64"], 2.0);
        let family = SECONDS.read();
        assert_eq!(family.samples.len(), 2);
        assert_eq!(
            family.samples[0].reading,
            Reading::Buckets {
                below: vec![(1.0, 2), (5.0, 4)],
                sum: 107.0,
                count: 5
            }
        );
        assert_eq!(SECONDS.count(&["arm64"]), 1);
    }
}
