//! What all metrics share: labels with a fixed list of values, the place of a series among the cells,
//! and the reading that the page is made of.

use std::borrow::Cow;

/// What an unknown value of a label counts as.
pub const OTHER: &str = "other";

/// A label with all values that it may have beside [`OTHER`].
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values sorted into buckets.
    Histogram,
}

impl Kind {
    /// Prometheus's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A reading of all series of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name with unit.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub help: Cow<'static, str>,
    /// Type.
    pub kind: Kind,
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
}

/// What the page and the fork need of each metric.
pub trait Metric: Sync {
    /// A reading.
    fn read(&self) -> Family;
    /// Back to zero. Async-signal-safe.
    fn reset(&self);
}

#[derive(Debug)]
pub(super) struct About {
    pub name: &'static str,
    pub help: &'static str,
    pub labels: &'static [Label],
}

impl About {
    pub fn family(&self, kind: Kind, samples: Vec<Sample>) -> Family {
        Family {
            name: self.name.into(),
            help: self.help.into(),
            kind,
            samples,
        }
    }

    /// Place of the series with these values; a value too few counts as unknown.
    pub fn series(&self, values: &[&str]) -> usize {
        self.labels.iter().enumerate().fold(0, |place, (i, label)| {
            let value = values.get(i).copied().unwrap_or(OTHER);
            let known = label.values.iter().position(|known| *known == value);
            place * (label.values.len() + 1) + known.unwrap_or(label.values.len())
        })
    }

    /// The labels of the series at a place, and whether all values are known ones.
    pub fn labels(&self, mut place: usize) -> (Labels, bool) {
        let mut known = true;
        let mut labels: Vec<_> = self
            .labels
            .iter()
            .rev()
            .map(|label| {
                let radix = label.values.len() + 1;
                let value = label.values.get(place % radix);
                place /= radix;
                known &= value.is_some();
                (label.name.into(), value.copied().unwrap_or(OTHER).into())
            })
            .collect();
        labels.reverse();
        (labels, known)
    }
}

/// How many series these labels make.
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
