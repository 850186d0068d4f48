//! Counters and gauges. All are statics with a cell for every combination of their labels' values: counting needs no
//! registration, lookup or allocation.

use super::{
    cell::Cell,
    family::{Description, Family, Label, Metric, MetricKind, Reading, Sample, series},
};

/// A count without labels, on its own cache line because all threads write it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Counter {
    cell: Cell,
    description: Description,
}

impl Counter {
    /// A counter at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            cell: Cell::new(),
            description: Description {
                name,
                help,
                labels: &[],
            },
        }
    }

    /// Adds one: one relaxed atomic addition.
    #[inline]
    pub fn inc(&self) {
        self.cell.add(1);
    }

    /// Adds `by`.
    #[inline]
    pub fn add(&self, by: u64) {
        self.cell.add(by);
    }

    /// Returns the count of this process.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.cell.get()
    }
}

impl Metric for Counter {
    fn read(&self) -> Family {
        let sample = Sample {
            labels: Vec::new(),
            reading: Reading::Number(self.get() as f64),
        };
        self.description.family(MetricKind::Counter, vec![sample])
    }

    fn reset(&self) {
        self.cell.reset();
    }
}

/// Counts with labels. `CELLS` is [`series`] of the labels.
#[derive(Debug)]
pub struct Counters<const CELLS: usize> {
    cells: [Cell; CELLS],
    description: Description,
}

impl<const CELLS: usize> Counters<CELLS> {
    /// Counters at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        assert!(CELLS == series(labels), "CELLS is series(labels)");
        Self {
            cells: [const { Cell::new() }; CELLS],
            description: Description { name, help, labels },
        }
    }

    /// Adds one for these values, in the order of the labels.
    pub fn inc(&self, values: &[&str]) {
        self.add(values, 1);
    }

    /// Adds `by` for these values.
    pub fn add(&self, values: &[&str], by: u64) {
        if let Some(cell) = self.cells.get(self.description.series(values)) {
            cell.add(by);
        }
    }

    /// Returns the count for these values.
    #[must_use]
    pub fn get(&self, values: &[&str]) -> u64 {
        self.cells
            .get(self.description.series(values))
            .map_or(0, Cell::get)
    }
}

impl<const CELLS: usize> Metric for Counters<CELLS> {
    /// Known series exist from the start, so that a first failure is visible as an increase.
    fn read(&self) -> Family {
        let samples = self.cells.iter().enumerate().filter_map(|(index, cell)| {
            let (labels, known) = self.description.labels(index);
            let count = cell.get();
            (known || count > 0).then_some(Sample {
                labels,
                reading: Reading::Number(count as f64),
            })
        });
        self.description
            .family(MetricKind::Counter, samples.collect())
    }

    fn reset(&self) {
        self.cells.iter().for_each(Cell::reset);
    }
}

/// A number that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    cell: Cell,
    description: Description,
}

impl Gauge {
    /// A gauge at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            cell: Cell::new(),
            description: Description {
                name,
                help,
                labels: &[],
            },
        }
    }

    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.cell.set_float(value);
    }

    /// Adds `by`, which may be negative.
    pub fn add(&self, by: f64) {
        self.cell.add_float(by);
    }

    /// Returns the value of this process.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.cell.get_float()
    }
}

impl Metric for Gauge {
    fn read(&self) -> Family {
        let sample = Sample {
            labels: Vec::new(),
            reading: Reading::Number(self.get()),
        };
        self.description.family(MetricKind::Gauge, vec![sample])
    }

    fn reset(&self) {
        self.cell.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::OTHER;

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
        static BUILDS: Counters<{ series(LABELS) }> = Counters::new("b_total", "B.", LABELS);
        BUILDS.inc(&["linux", "arm64"]);
        BUILDS.add(&["darwin", "386"], 5);
        BUILDS.inc(&["plan9", "arm64"]);
        BUILDS.inc(&["beos", "arm64"]);
        BUILDS.inc(&["linux"]);
        for (values, count) in [
            (["linux", "arm64"], 1),
            (["darwin", "386"], 5),
            ([OTHER, "arm64"], 2),
            (["linux", OTHER], 1),
            (["linux", "amd64"], 0),
        ] {
            assert_eq!(BUILDS.get(&values), count, "{values:?}");
        }
        let family = BUILDS.read();
        let find = |os: &str, arch: &str| {
            family
                .samples
                .iter()
                .find(|s| s.labels[0].1 == os && s.labels[1].1 == arch)
                .map(|s| s.reading.clone())
        };
        assert_eq!(find("darwin", "386"), Some(Reading::Number(5.0)));
        assert_eq!(find("linux", "386"), Some(Reading::Number(0.0)));
        assert_eq!(find(OTHER, "arm64"), Some(Reading::Number(2.0)));
        assert_eq!(find(OTHER, OTHER), None);
        BUILDS.reset();
        assert_eq!(BUILDS.get(&["darwin", "386"]), 0);
    }

    #[test]
    fn gauge_is_changed_by_many_threads() {
        static ACTIVE: Gauge = Gauge::new("g", "G.");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..1000).for_each(|_| {
                        ACTIVE.add(2.0);
                        ACTIVE.add(-1.0);
                    })
                });
            }
        });
        assert!((ACTIVE.get() - 4000.0).abs() < f64::EPSILON);
    }
}
