//! The numbers of one series of the application. Each change is one atomic operation for each number, so a process
//! killed at any instruction loses its own change at most. Any thread.

use std::sync::Arc;

use super::{
    super::{MetricKind, Reading, cell::Cell},
    definition::Definition,
};

/// A series of a metric. Valid for as long as the process lives.
#[derive(Debug, Clone)]
pub struct Series {
    /// The type of the metric.
    pub kind: MetricKind,
    bounds: Arc<[f64]>,
    cells: &'static [Cell],
}

/// Above it, not each whole number is a float.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

impl Series {
    pub(super) fn new(definition: &Definition, cells: &'static [Cell]) -> Self {
        Self {
            kind: definition.kind,
            bounds: Arc::clone(&definition.bounds),
            cells,
        }
    }

    /// Adds to a counter or a gauge. A counter ignores a negative number.
    #[inline]
    pub fn add(&self, by: f64) {
        match (self.kind, self.cells) {
            // Whole numbers have a cell of their own: an addition without a loop.
            (MetricKind::Counter, [whole, _])
                if (0.0..=MAX_WHOLE).contains(&by) && by.fract() == 0.0 =>
            {
                whole.add(by as u64);
            }
            (MetricKind::Counter, [_, rest]) if by > 0.0 => rest.add_float(by),
            (MetricKind::Gauge, [cell]) => cell.add_float(by),
            _ => {}
        }
    }

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, value: f64) {
        if let (MetricKind::Gauge, [cell]) = (self.kind, self.cells) {
            cell.set(value.to_bits());
        }
    }

    /// Adds a value to a histogram or a summary; NaN is ignored.
    #[inline]
    pub fn observe(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        match (self.kind, self.cells) {
            (MetricKind::Histogram, [buckets @ .., sum]) => {
                let index = self.bounds.partition_point(|bound| *bound < value);
                if let Some(bucket) = buckets.get(index) {
                    bucket.add(1);
                }
                sum.add_float(value);
            }
            (MetricKind::Summary, [count, sum]) => {
                count.add(1);
                sum.add_float(value);
            }
            _ => {}
        }
    }

    /// Reads the numbers.
    #[must_use]
    pub fn reading(&self) -> Reading {
        match (self.kind, self.cells) {
            (MetricKind::Histogram, [buckets @ .., sum]) => {
                let mut count = 0;
                let mut below = Vec::with_capacity(self.bounds.len());
                let (last, buckets) = buckets.split_last().unzip();
                for (bound, bucket) in self.bounds.iter().zip(buckets.unwrap_or_default()) {
                    count = bucket.get().saturating_add(count);
                    below.push((*bound, count));
                }
                count = last.map_or(count, |last| last.get().saturating_add(count));
                Reading::Buckets {
                    below,
                    sum: sum.get_float(),
                    count,
                }
            }
            (MetricKind::Summary, [count, sum]) => Reading::Total {
                sum: sum.get_float(),
                count: count.get(),
            },
            (MetricKind::Counter, [whole, rest]) => {
                Reading::Number(whole.get() as f64 + rest.get_float())
            }
            (_, [cell, ..]) => Reading::Number(cell.get_float()),
            (_, []) => Reading::Number(0.0),
        }
    }
}
