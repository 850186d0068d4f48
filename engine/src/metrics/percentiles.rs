//! Percentiles of durations, exact to one part in 16: a bucket for each sixteenth of each doubling of a microsecond.
//! Too fine for the page; a process reads them for its own status. Static like the counters.

use std::time::Duration;

use super::{
    cell::Cell,
    derived::Samples,
    family::{Description, Metric, Sample},
};
use crate::shm::counters::CounterSegment;

const BUCKETS_PER_DOUBLING: usize = 16;
/// Doublings of a microsecond; the last one holds all that is longer than an hour.
const MAX_DOUBLINGS: usize = 32;
const BUCKETS: usize = BUCKETS_PER_DOUBLING * MAX_DOUBLINGS;

/// The durations that a process has recorded.
#[derive(Debug)]
pub struct Percentiles {
    last_us: Cell,
    buckets: [Cell; BUCKETS],
    description: Description,
}

impl Percentiles {
    pub(super) const fn new(description: Description) -> Self {
        Self {
            last_us: Cell::new(),
            buckets: [const { Cell::new() }; BUCKETS],
            description,
        }
    }

    /// Records a duration.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.last_us.set(us);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.add(1);
        }
    }

    /// The last recorded duration.
    #[must_use]
    pub fn last(&self) -> Duration {
        Duration::from_micros(self.last_us.get())
    }

    /// The duration that `percent` of the recorded ones don't exceed; zero without any.
    #[must_use]
    pub fn get(&self, percent: u64) -> Duration {
        let all: u64 = self.buckets.iter().map(Cell::get).sum();
        let wanted = (all * percent).div_ceil(100);
        let mut seen = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += bucket.get();
            if seen >= wanted && seen > 0 {
                return Duration::from_micros(bucket_max(index));
            }
        }
        Duration::ZERO
    }
}

impl Metric for Percentiles {
    fn description(&self) -> &Description {
        &self.description
    }

    fn samples(&self, _: &Samples) -> Vec<Sample> {
        Vec::new()
    }

    fn share(&self, _: &'static CounterSegment, _: bool) -> bool {
        true
    }

    fn reset(&self) {
        self.last_us.reset();
        self.buckets.iter().for_each(Cell::reset);
    }
}

/// The bucket of a duration: exact below `BUCKETS_PER_DOUBLING`, then that many buckets for each doubling.
fn bucket_of(us: u64) -> usize {
    const BITS: u32 = BUCKETS_PER_DOUBLING.trailing_zeros();
    let Some(high) = us.checked_ilog2().filter(|high| *high >= BITS) else {
        return us as usize;
    };
    let part = (us >> (high - BITS)) as usize - BUCKETS_PER_DOUBLING;
    ((high - BITS + 1) as usize * BUCKETS_PER_DOUBLING + part).min(BUCKETS - 1)
}

/// The longest duration of a bucket.
fn bucket_max(index: usize) -> u64 {
    if index < BUCKETS_PER_DOUBLING {
        return index as u64;
    }
    let (doubling, part) = (
        index / BUCKETS_PER_DOUBLING - 1,
        index % BUCKETS_PER_DOUBLING,
    );
    (((BUCKETS_PER_DOUBLING + part + 1) as u64) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::family::{MetricKind, Scope};

    #[test]
    fn percentiles_match_the_measured_durations() {
        let durations = Percentiles::new(Description {
            name: "s",
            help: "S.",
            kind: MetricKind::Histogram,
            scope: Scope::Process,
            labels: &[],
        });
        assert_eq!(durations.get(99), Duration::ZERO);
        for ms in 1..=1000 {
            durations.observe(Duration::from_millis(ms));
        }
        assert_eq!(durations.last(), Duration::from_secs(1));
        let near = |percent, ms: f64| {
            (durations.get(percent).as_secs_f64() * 1000.0 / ms - 1.0).abs() < 0.07
        };
        assert!(near(50, 500.0), "{:?}", durations.get(50));
        assert!(near(99, 990.0), "{:?}", durations.get(99));
        durations.reset();
        assert_eq!(durations.get(50), Duration::ZERO);
        assert_eq!(durations.last(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_bucket_is_exact_to_one_sixteenth(us in 0u64..(1 << 35)) {
            let bucket_max = bucket_max(bucket_of(us));
            prop_assert!(bucket_max >= us && bucket_max - us <= us / 16, "{us} → {bucket_max}");
        }

        #[test]
        fn any_duration_has_a_bucket(us: u64) {
            prop_assert!(bucket_of(us) < BUCKETS);
        }
    }
}
