//! How a value of `remember()` was produced: the time that took, from which the early refresh follows (XFetch:
//! Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", 2015), and for how long the
//! value may be returned after its lifetime. One word of its entry. Pure functions; any thread.

use std::time::Duration;

/// Above -ln(x) for each x that [`Production::is_refresh_due`] draws.
const MAX_LOGARITHM: f64 = 37.0;

/// How a value was produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Production {
    /// Microseconds that it took, at least 1.
    micros: u32,
    /// Milliseconds after its lifetime in which it may be returned.
    stale: u32,
}

impl Production {
    /// `took` counts to about an hour, `stale` to 49 days.
    #[must_use]
    pub fn new(took: Duration, stale: Duration) -> Self {
        Self {
            micros: u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1),
            stale: u32::try_from(stale.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// From its word.
    #[inline]
    pub(super) const fn of(word: u64) -> Self {
        Self {
            micros: word as u32,
            stale: (word >> 32) as u32,
        }
    }

    /// The word; never 0.
    pub(super) const fn word(self) -> u64 {
        self.micros as u64 | (self.stale as u64) << 32
    }

    /// Milliseconds after its lifetime in which the value may be returned.
    pub(super) const fn stale_ms(self) -> u64 {
        self.stale as u64
    }

    /// Whether the value that expires in so many milliseconds is to be produced anew now, by one of many readers:
    /// probably only when about the time of one production is left, times `beta`. `random` draws from 0 (excluded) to
    /// 1.
    #[inline]
    pub(super) fn is_refresh_due(self, left: u64, beta: f64, random: impl FnOnce() -> f64) -> bool {
        let factor = f64::from(self.micros) / 1000.0 * beta;
        let left = left as f64;
        factor > 0.0 && factor * MAX_LOGARITHM >= left && factor * -random().ln() >= left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_is_likelier_towards_the_end_and_for_slow_producers() {
        let production = Production::new(Duration::from_millis(100), Duration::ZERO);
        let due = |left, beta, random| production.is_refresh_due(left, beta, || random);
        // e^-1 and e^-2: once and twice the time of a production.
        assert!(due(99, 1.0, 0.367) && !due(101, 1.0, 0.368));
        assert!(due(199, 1.0, 0.135) && !due(201, 1.0, 0.136));
        assert!(due(199, 2.0, 0.367) && !due(99, 0.0, 0.001));
        assert!(due(0, 1.0, 1.0));
        assert!(!production.is_refresh_due(4000, 1.0, || unreachable!("no draw")));
    }
}
