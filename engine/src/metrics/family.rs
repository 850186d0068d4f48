//! Shared by all metrics: their declaration, labels with a fixed list of values, the index of a series among the cells,
//! and the readings that the page is rendered from.

use std::{borrow::Cow, fmt::Write as _};

use super::derived::Samples;
use crate::shm::counters::CounterSegment;

/// The value that stands for unknown values of a label.
pub const OTHER: &str = "other";

/// A label with all its values besides [`OTHER`]; with none, it takes any value.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Values sorted into buckets.
    Histogram,
    /// Count and sum of values; without quantiles.
    Summary,
}

impl MetricKind {
    /// The name in Prometheus's format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }

    /// The type of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Counter, Self::Gauge, Self::Histogram, Self::Summary];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// The processes that a number is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One process, which reads it for its own status; not on the page, which any worker of the host may render.
    Process,
    /// All processes of the host that count in one directory.
    Host,
}

/// A reading of all series of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name with unit.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub help: Cow<'static, str>,
    /// Type.
    pub kind: MetricKind,
    /// The series.
    pub samples: Vec<Sample>,
}

/// Names and values of a series' labels.
pub type Labels = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// A reading of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, in the order of their declaration.
    pub labels: Labels,
    /// Its number.
    pub reading: Reading,
}

/// A number, or the state of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Buckets {
        /// Upper bounds with the count of all values that are not above them; `+Inf` is `count`.
        below: Vec<(f64, u64)>,
        /// Sum of the values.
        sum: f64,
        /// Count of the values.
        count: u64,
    },
    /// Of a summary.
    Total {
        /// Sum of the values.
        sum: f64,
        /// Count of the values.
        count: u64,
    },
}

/// The operations of every metric.
pub(super) trait Metric: Sync {
    /// Its declaration.
    fn description(&self) -> &Description;
    /// Reads all series; those without cells from `read`.
    fn samples(&self, read: &Samples) -> Vec<Sample>;
    /// Counts in the host's segment from now on; see [`Cells::share`](super::cells::Cells::share). Returns `false` if
    /// the segment is full.
    fn share(&self, segment: &'static CounterSegment, replaces: bool) -> bool;
    /// Counts from zero, in this process only. Async-signal-safe.
    fn reset(&self);
}

/// The declaration of a metric.
#[derive(Debug)]
pub(super) struct Description {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: MetricKind,
    pub scope: Scope,
    pub labels: &'static [Label],
}

impl Description {
    pub fn family(&self, samples: Vec<Sample>) -> Family {
        Family {
            name: self.name.into(),
            help: self.help.into(),
            kind: self.kind,
            samples,
        }
    }

    /// The name of the metric's block in the segment: everything that its layout depends on.
    pub fn block_name(&self, bounds: &[f64]) -> String {
        let mut name = format!("{} {}", self.kind.name(), self.name);
        for label in self.labels {
            let _ = write!(name, " {}={}", label.name, label.values.join(","));
        }
        for bound in bounds {
            let _ = write!(name, " {bound}");
        }
        name
    }

    /// Returns the index of the series with these values; missing values count as unknown.
    pub fn series(&self, values: &[&str]) -> usize {
        self.labels.iter().enumerate().fold(0, |index, (i, label)| {
            let value = values.get(i).copied().unwrap_or(OTHER);
            let known = label.values.iter().position(|known| *known == value);
            index * (label.values.len() + 1) + known.unwrap_or(label.values.len())
        })
    }

    /// Returns the labels of the series at an index, and whether all values are known.
    pub fn labels(&self, mut index: usize) -> (Labels, bool) {
        let mut known = true;
        let mut labels: Vec<_> = self
            .labels
            .iter()
            .rev()
            .map(|label| {
                let radix = label.values.len() + 1;
                let value = label.values.get(index % radix);
                index /= radix;
                known &= value.is_some();
                (label.name.into(), value.copied().unwrap_or(OTHER).into())
            })
            .collect();
        labels.reverse();
        (labels, known)
    }
}

/// Returns the number of series of these labels.
#[must_use]
pub const fn series(labels: &[Label]) -> usize {
    let mut count = 1;
    let mut rest = labels;
    while let [label, tail @ ..] = rest {
        count *= label.values.len() + 1;
        rest = tail;
    }
    count
}
