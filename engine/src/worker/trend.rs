//! The trend of a loop's memory: bytes per thousand requests, over the last of them. One number is added for each
//! request, and nothing is computed until the trend is read. Runs on PHP's thread.
//!
//! Temporary memory of a request, and garbage, come and go; leaked memory stays. So only memory without garbage
//! counts, each point is the minimum of several requests, and the slope is the median of the slopes between all pairs
//! of points (Theil and Sen): a third of the points may be outliers without changing it.

use std::collections::VecDeque;

/// Points that are stored.
const MAX_POINTS: usize = 64;
/// Requests that one point covers, so that the newest requests count.
const MAX_REQUESTS_PER_POINT: u64 = 256;
/// Points that a slope needs.
const MIN_POINTS: usize = 8;

/// The minimum memory of some requests.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Requests before the first of them.
    from: u64,
    /// The request with the minimum.
    at: u64,
    bytes: u64,
}

/// The points of a loop.
#[derive(Debug, Clone)]
pub struct MemoryTrend {
    points: VecDeque<Point>,
    /// Requests that one point covers.
    requests_per_point: u64,
    /// Requests so far.
    requests: u64,
    /// Requests before the point under way, and its minimum so far.
    from: u64,
    minimum: Option<Point>,
}

impl Default for MemoryTrend {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTrend {
    /// A trend without samples.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            points: VecDeque::new(),
            requests_per_point: 1,
            requests: 0,
            from: 0,
            minimum: None,
        }
    }

    /// Adds a request that has ended with `bytes` in use; `None` if some of them may be garbage.
    #[inline]
    pub fn add(&mut self, bytes: Option<u64>) {
        self.requests += 1;
        if let Some(bytes) = bytes
            && self.minimum.is_none_or(|minimum| bytes < minimum.bytes)
        {
            self.minimum = Some(Point {
                from: self.from,
                at: self.requests,
                bytes,
            });
        }
        if self.requests - self.from >= self.requests_per_point {
            self.finish_point();
        }
    }

    fn finish_point(&mut self) {
        self.from = self.requests;
        let Some(point) = self.minimum.take() else {
            return;
        };
        if self.points.len() == MAX_POINTS {
            if self.requests_per_point < MAX_REQUESTS_PER_POINT {
                self.halve();
            } else {
                self.points.pop_front();
            }
        }
        self.points.push_back(point);
    }

    /// Merges each two points, so that as many points cover twice as many requests.
    fn halve(&mut self) {
        let (pairs, _) = self.points.make_contiguous().as_chunks::<2>();
        self.points = pairs
            .iter()
            .map(|[first, second]| Point {
                from: first.from,
                ..if second.bytes < first.bytes {
                    *second
                } else {
                    *first
                }
            })
            .collect();
        self.requests_per_point *= 2;
    }

    /// Requests that the trend covers.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let first = self.points.front();
        first.map_or(0, |point| self.requests - point.from)
    }

    /// Bytes per thousand requests; `None` if there were too few.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        let count = self.points.len();
        if count < MIN_POINTS {
            return None;
        }
        let mut slopes = Vec::with_capacity(count * (count - 1) / 2);
        for (index, to) in self.points.iter().enumerate() {
            for from in self.points.iter().take(index) {
                slopes.push((to.bytes as f64 - from.bytes as f64) / (to.at - from.at) as f64);
            }
        }
        slopes.sort_by(f64::total_cmp);
        Some(slopes.get(slopes.len() / 2)? * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slope_of(memory: impl Iterator<Item = u64>) -> f64 {
        let mut trend = MemoryTrend::default();
        memory.for_each(|bytes| trend.add(Some(bytes)));
        trend.slope().unwrap()
    }

    #[test]
    fn steady_growth_has_its_slope() {
        for requests in [8, 63, 64, 65, 200, 5000] {
            let slope = slope_of((0..requests).map(|at| (1 << 20) + at * 24));
            assert!((slope / 24_000.0 - 1.0).abs() < 0.05, "{requests}: {slope}");
        }
        assert_eq!(MemoryTrend::default().slope(), None);
    }

    #[test]
    fn temporary_memory_is_no_trend() {
        let slope = slope_of((0..40_000).map(|at| (1 << 20) + at % 700 * 1000));
        assert!(slope.abs() < 60_000.0, "{slope}");
        let calm = slope_of((0..5000).map(|at| (1 << 20) + if at % 9 == 0 { 1 << 20 } else { 0 }));
        assert!(calm.abs() < f64::EPSILON, "{calm}");
    }

    #[test]
    fn a_trend_covers_no_more_requests_than_there_were() {
        let mut trend = MemoryTrend::default();
        for requests in 1..10_000 {
            trend.add((requests % 3 == 0).then_some(requests));
            assert!(trend.requests() <= requests, "{requests}");
            let minimum = requests.min(32 * MAX_REQUESTS_PER_POINT) / 2;
            assert!(trend.requests() >= minimum || requests < 3, "{requests}");
        }
    }

    #[test]
    fn memory_that_may_be_garbage_does_not_count() {
        let mut trend = MemoryTrend::default();
        for request in 0..300u64 {
            // Each request leaves garbage, and every tenth one is after a collection.
            let is_settled = request % 10 == 0;
            trend.add(is_settled.then_some(1 << 20));
        }
        assert_eq!(trend.slope(), Some(0.0));
        let mut never = MemoryTrend::default();
        (0..300).for_each(|_| never.add(None));
        assert_eq!((never.slope(), never.requests()), (None, 0));
    }

    #[test]
    fn old_growth_is_forgotten() {
        let grown = (0..1000).map(|at| at * 1000);
        let slope = slope_of(grown.chain(std::iter::repeat_n(1_000_000, 40_000)));
        assert!(slope.abs() < f64::EPSILON, "{slope}");
    }

    proptest! {
        #[test]
        fn any_memory_has_a_finite_trend(memory in proptest::collection::vec(0u64..1 << 50, 8..300)) {
            prop_assert!(slope_of(memory.into_iter()).is_finite());
        }
    }
}
