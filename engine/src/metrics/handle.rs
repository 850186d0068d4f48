//! Counters and gauges. All are statics, made in const context, with room for every combination of
//! their labels' values: nothing is registered, found or allocated while counting.

use super::{
    cell::Cell,
    family::{About, Family, Kind, Label, Metric, Reading, Sample, series},
};

/// A count without labels. On a cache line of its own, since all threads write it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Counter {
    cell: Cell,
    about: About,
}

impl Counter {
    /// A counter at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            cell: Cell::new(),
            about: About {
                name,
                help,
                labels: &[],
            },
        }
    }

    /// Counts one: one relaxed atomic addition.
    #[inline]
    pub fn inc(&self) {
        self.cell.add(1);
    }

    /// Counts several.
    #[inline]
    pub fn add(&self, by: u64) {
        self.cell.add(by);
    }

    /// The count of this process.
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
        self.about.family(Kind::Counter, vec![sample])
    }

    fn reset(&self) {
        self.cell.reset();
    }
}

/// Counts with labels. `CELLS` is [`series`] of the labels.
#[derive(Debug)]
pub struct Counters<const CELLS: usize> {
    cells: [Cell; CELLS],
    about: About,
}

impl<const CELLS: usize> Counters<CELLS> {
    /// Counters at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        assert!(CELLS == series(labels), "CELLS is series(labels)");
        Self {
            cells: [const { Cell::new() }; CELLS],
            about: About { name, help, labels },
        }
    }

    /// Counts one for these values, in the order of the labels.
    pub fn inc(&self, values: &[&str]) {
        self.add(values, 1);
    }

    /// Counts several.
    pub fn add(&self, values: &[&str], by: u64) {
        if let Some(cell) = self.cells.get(self.about.series(values)) {
            cell.add(by);
        }
    }

    /// The count for these values.
    #[must_use]
    pub fn get(&self, values: &[&str]) -> u64 {
        self.cells
            .get(self.about.series(values))
            .map_or(0, Cell::get)
    }
}

impl<const CELLS: usize> Metric for Counters<CELLS> {
    /// Known series are there from the start, so that a first failure shows as an increase.
    fn read(&self) -> Family {
        let samples = self.cells.iter().enumerate().filter_map(|(place, cell)| {
            let (labels, known) = self.about.labels(place);
            let count = cell.get();
            (known || count > 0).then_some(Sample {
                labels,
                reading: Reading::Number(count as f64),
            })
        });
        self.about.family(Kind::Counter, samples.collect())
    }

    fn reset(&self) {
        self.cells.iter().for_each(Cell::reset);
    }
}

/// A number that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    cell: Cell,
    about: About,
}

impl Gauge {
    /// A gauge at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            cell: Cell::new(),
            about: About {
                name,
                help,
                labels: &[],
            },
        }
    }

    /// Sets it.
    pub fn set(&self, value: f64) {
        self.cell.set_float(value);
    }

    /// Adds to it; takes away where `by` is negative.
    pub fn add(&self, by: f64) {
        self.cell.add_float(by);
    }

    /// What it shows in this process.
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
        self.about.family(Kind::Gauge, vec![sample])
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
    fn each_combination_counts_for_itself_and_the_unknown_counts_as_other() {
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
    fn a_gauge_goes_up_and_down_from_many_threads() {
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
