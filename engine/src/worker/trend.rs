//! Where the memory of a loop is going: bytes a thousand requests, over the last of them. One number a request
//! goes in and nothing is computed until somebody asks. On PHP's thread.
//!
//! What a request needs for a while, and what waits for PHP's collector, comes and goes; what is kept stays.
//! So each point is the least of several requests, and the slope is the middle one of the slopes between all
//! pairs of points (Theil and Sen): a third of the points may be wild without moving it.

/// Points that are kept.
const POINTS: usize = 64;
/// Requests a point stands for at most, so that the newest ones count.
const MOST_OF_ONE: u32 = 256;
/// Points without which nothing is said.
const LEAST: usize = 8;

/// See the head of the file.
#[derive(Debug, Clone)]
pub struct Trend {
    points: [u64; POINTS],
    /// Points that are filled; the ring's next place once all are.
    filled: usize,
    next: usize,
    /// Requests a point stands for.
    of_one: u32,
    /// The point that is being made.
    least: u64,
    seen: u32,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            points: [0; POINTS],
            filled: 0,
            next: 0,
            of_one: 1,
            least: u64::MAX,
            seen: 0,
        }
    }
}

impl Trend {
    /// A request has ended with so many bytes in use.
    #[inline]
    pub fn add(&mut self, bytes: u64) {
        self.least = self.least.min(bytes);
        self.seen += 1;
        if self.seen >= self.of_one {
            self.point();
        }
    }

    fn point(&mut self) {
        if self.filled == POINTS && self.of_one < MOST_OF_ONE {
            self.halve();
        }
        if let Some(place) = self.points.get_mut(self.next) {
            *place = self.least;
        }
        self.next = (self.next + 1) % POINTS;
        self.filled = (self.filled + 1).min(POINTS);
        (self.least, self.seen) = (u64::MAX, 0);
    }

    /// Two points become one, so that as many stand for twice as many requests. The newest, which has just
    /// been made of fewer, is one of them.
    fn halve(&mut self) {
        let old = self.points;
        let (pairs, _) = old.as_chunks::<2>();
        for (place, [first, second]) in self.points.iter_mut().zip(pairs) {
            *place = *first.min(second);
        }
        (self.filled, self.next) = (POINTS / 2, POINTS / 2);
        self.of_one *= 2;
    }

    /// Requests that the trend is about.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.filled as u64 * u64::from(self.of_one)
    }

    /// Bytes a thousand requests; `None`: there were too few.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        if self.filled < LEAST {
            return None;
        }
        let oldest = if self.filled < POINTS { 0 } else { self.next };
        let at = |place: usize| self.points.get((oldest + place) % POINTS).copied();
        let mut slopes = Vec::with_capacity(self.filled * (self.filled - 1) / 2);
        for later in 1..self.filled {
            for earlier in 0..later {
                let (Some(from), Some(to)) = (at(earlier), at(later)) else {
                    continue;
                };
                slopes.push((to as f64 - from as f64) / (later - earlier) as f64);
            }
        }
        slopes.sort_by(f64::total_cmp);
        let middle = slopes.get(slopes.len() / 2)?;
        Some(middle * 1000.0 / f64::from(self.of_one))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slope_of(memory: impl Iterator<Item = u64>) -> f64 {
        let mut trend = Trend::default();
        memory.for_each(|bytes| trend.add(bytes));
        trend.slope().unwrap()
    }

    #[test]
    fn so_many_bytes_a_request_are_a_thousand_times_that() {
        for requests in [8, 63, 64, 65, 200, 5000] {
            let slope = slope_of((0..requests).map(|at| (1 << 20) + at * 24));
            assert!((slope / 24_000.0 - 1.0).abs() < 0.05, "{requests}: {slope}");
        }
        assert_eq!(Trend::default().slope(), None);
    }

    #[test]
    fn garbage_that_comes_and_goes_is_no_trend() {
        let slope = slope_of((0..40_000).map(|at| (1 << 20) + at % 700 * 1000));
        assert!(slope.abs() < 60_000.0, "{slope}");
        let calm = slope_of((0..5000).map(|at| (1 << 20) + if at % 9 == 0 { 1 << 20 } else { 0 }));
        assert!(calm.abs() < f64::EPSILON, "{calm}");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
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
