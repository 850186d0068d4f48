//! Counts and durations of the requests of one process, all its threads together. Atomics only, a few additions per
//! request: no thread waits for another, and a forked child may clear everything.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Histogram buckets for each doubling of a duration: a percentile is exact to one part in 16.
const BUCKETS_PER_DOUBLING: usize = 16;
/// Doublings of a microsecond; the last one holds all that is longer than an hour.
const MAX_DOUBLINGS: usize = 32;

/// Statistics of one process.
pub struct RequestStats {
    begun: AtomicU64,
    ended: AtomicU64,
    hooks_run: AtomicU64,
    hooks_failed: AtomicU64,
    hooks_skipped: AtomicU64,
    last_us: AtomicU64,
    durations: [AtomicU64; BUCKETS_PER_DOUBLING * MAX_DOUBLINGS],
}

/// A copy of the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that have begun.
    pub begun: u64,
    /// Requests that have ended.
    pub ended: u64,
    /// Reset hooks that have run.
    pub hooks_run: u64,
    /// Reset hooks that have thrown.
    pub hooks_failed: u64,
    /// Reset hooks that could not run after their request.
    pub hooks_skipped: u64,
    /// The duration of the last request.
    pub last: Duration,
    /// The median duration.
    pub p50: Duration,
    /// The 99th percentile of the durations.
    pub p99: Duration,
}

impl RequestStats {
    /// Statistics without any request.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            hooks_run: AtomicU64::new(0),
            hooks_failed: AtomicU64::new(0),
            hooks_skipped: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
            durations: [const { AtomicU64::new(0) }; BUCKETS_PER_DOUBLING * MAX_DOUBLINGS],
        }
    }

    /// Counts a request that begins.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that ends after `took`.
    pub fn end(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.last_us.store(us, Ordering::Relaxed);
        if let Some(cell) = self.durations.get(bucket_of(us)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a reset hook that has run; `failed`: it has thrown.
    pub fn hook(&self, failed: bool) {
        self.hooks_run.fetch_add(1, Ordering::Relaxed);
        self.hooks_failed
            .fetch_add(failed.into(), Ordering::Relaxed);
    }

    /// Counts reset hooks that could not run after a request.
    pub fn skip(&self, hooks: usize) {
        self.hooks_skipped
            .fetch_add(hooks as u64, Ordering::Relaxed);
    }

    /// Copies the statistics.
    #[must_use]
    pub fn counts(&self) -> RequestCounts {
        let ended = self.ended.load(Ordering::Relaxed);
        RequestCounts {
            begun: self.begun.load(Ordering::Relaxed).max(ended),
            ended,
            hooks_run: self.hooks_run.load(Ordering::Relaxed),
            hooks_failed: self.hooks_failed.load(Ordering::Relaxed),
            hooks_skipped: self.hooks_skipped.load(Ordering::Relaxed),
            last: Duration::from_micros(self.last_us.load(Ordering::Relaxed)),
            p50: self.percentile(50),
            p99: self.percentile(99),
        }
    }

    fn percentile(&self, percent: u64) -> Duration {
        let all: u64 = self
            .durations
            .iter()
            .map(|cell| cell.load(Ordering::Relaxed))
            .sum();
        let wanted = (all * percent).div_ceil(100);
        let mut seen = 0;
        for (index, cell) in self.durations.iter().enumerate() {
            seen += cell.load(Ordering::Relaxed);
            if seen >= wanted && seen > 0 {
                return Duration::from_micros(bucket_max(index));
            }
        }
        Duration::ZERO
    }

    /// Clears everything, in a forked child: atomics only.
    pub fn reset(&self) {
        self.begun.store(0, Ordering::Relaxed);
        self.ended.store(0, Ordering::Relaxed);
        self.hooks_run.store(0, Ordering::Relaxed);
        self.hooks_failed.store(0, Ordering::Relaxed);
        self.hooks_skipped.store(0, Ordering::Relaxed);
        self.last_us.store(0, Ordering::Relaxed);
        for cell in &self.durations {
            cell.store(0, Ordering::Relaxed);
        }
    }
}

impl Default for RequestStats {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket of a duration: exact below `BUCKETS_PER_DOUBLING`, then that many buckets for each doubling.
fn bucket_of(us: u64) -> usize {
    const BITS: u32 = BUCKETS_PER_DOUBLING.trailing_zeros();
    let Some(high) = us.checked_ilog2().filter(|high| *high >= BITS) else {
        return us as usize;
    };
    let part = (us >> (high - BITS)) as usize - BUCKETS_PER_DOUBLING;
    ((high - BITS + 1) as usize * BUCKETS_PER_DOUBLING + part)
        .min(BUCKETS_PER_DOUBLING * MAX_DOUBLINGS - 1)
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

    #[test]
    fn percentiles_match_the_measured_durations() {
        let stats = RequestStats::new();
        assert_eq!(stats.counts().p99, Duration::ZERO);
        for ms in 1..=1000 {
            stats.begin();
            stats.end(Duration::from_millis(ms));
        }
        let counts = stats.counts();
        assert_eq!((counts.begun, counts.ended), (1000, 1000));
        assert_eq!(counts.last, Duration::from_secs(1));
        let near =
            |found: Duration, ms: f64| (found.as_secs_f64() * 1000.0 / ms - 1.0).abs() < 0.07;
        assert!(near(counts.p50, 500.0), "{counts:?}");
        assert!(near(counts.p99, 990.0), "{counts:?}");
        stats.reset();
        assert_eq!(stats.counts().ended, 0);
        assert_eq!(stats.counts().p50, Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_bucket_is_exact_to_one_sixteenth(us in 0u64..(1 << 35)) {
            let bucket_max = bucket_max(bucket_of(us));
            prop_assert!(bucket_max >= us && bucket_max - us <= us / 16, "{us} → {bucket_max}");
        }

        #[test]
        fn any_duration_has_a_bucket(us: u64) {
            prop_assert!(bucket_of(us) < BUCKETS_PER_DOUBLING * MAX_DOUBLINGS);
        }
    }
}
