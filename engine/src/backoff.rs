//! The pause before the next attempt: exponential, capped, with equal jitter (between half of the ceiling and all of
//! it), so that many clients of one server do not retry in step and yet no attempt is spent at once. (Marc Brooker,
//! "Exponential Backoff and Jitter", AWS Architecture Blog.) Any thread.

use std::time::Duration;

/// Returns the ceiling of a pause after `steps` steps of growth: `initial`, multiplied by `multiplier` for each step,
/// at most `max`.
pub(crate) fn ceiling(initial: Duration, multiplier: f64, max: Duration, steps: u32) -> Duration {
    let growth = multiplier
        .max(1.0)
        .powi(i32::try_from(steps).unwrap_or(i32::MAX));
    let seconds = initial.as_secs_f64() * growth;
    if seconds < max.as_secs_f64() {
        Duration::from_secs_f64(seconds)
    } else {
        max
    }
}

/// Random pauses (splitmix64): fast, and not for any other purpose.
#[derive(Debug, Clone)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Uses a fixed seed.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Uses a random seed of the system. Without one all processes pause alike, which is no error.
    pub(crate) fn new() -> Self {
        let mut seed = [0; 8];
        let _ = getrandom::fill(&mut seed);
        Self(u64::from_le_bytes(seed))
    }

    /// Returns a duration between half of `ceiling` and all of it.
    pub(crate) fn equal(&mut self, ceiling: Duration) -> Duration {
        self.between(ceiling / 2, ceiling)
    }

    /// Returns slightly more than the server asked for, because it asks all of its clients.
    pub(crate) fn beyond(&mut self, min: Duration) -> Duration {
        self.between(min, min.saturating_add(min / 8))
    }

    /// Returns a uniformly distributed duration between the two.
    pub(crate) fn between(&mut self, min: Duration, max: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // The upper 53 bits are as many as a float holds exactly.
        let fraction = (bits >> 11) as f64 / (1u64 << 53) as f64;
        min + max.saturating_sub(min).mul_f64(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_at_least_half_of_its_ceiling() {
        let mut jitter = Jitter::seeded(1);
        let max = Duration::from_secs(4);
        let pauses: Vec<Duration> = (0..1000).map(|_| jitter.equal(max)).collect();
        assert!(pauses.iter().all(|pause| (max / 2..=max).contains(pause)));
        let low = Duration::from_millis(2100);
        assert!(pauses.iter().any(|pause| *pause < low));
        assert!(pauses.iter().any(|pause| *pause > max - (low - max / 2)));
    }

    #[test]
    fn pauses_cover_the_whole_range() {
        let mut jitter = Jitter::seeded(1);
        let (min, max) = (Duration::from_millis(100), Duration::from_millis(250));
        let pauses: Vec<Duration> = (0..1000).map(|_| jitter.between(min, max)).collect();
        assert!(pauses.iter().all(|pause| (min..=max).contains(pause)));
        assert!(
            pauses
                .iter()
                .any(|pause| *pause < Duration::from_millis(110))
        );
        assert!(
            pauses
                .iter()
                .any(|pause| *pause > Duration::from_millis(240))
        );
        assert_eq!(jitter.between(max, min), max);
    }
}
