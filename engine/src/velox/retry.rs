//! How long to pause before the next attempt: exponential, capped, with full jitter, so that many
//! clients of one server do not come back in step. (Marc Brooker, "Exponential Backoff and Jitter",
//! AWS Architecture Blog.) The random numbers come in from outside.

use std::time::Duration;

use crate::config::RetrySettings;

/// The ceiling of the pause after that many failed attempts, from 1.
#[must_use]
pub(super) fn ceiling(retry: &RetrySettings, failed: u32) -> Duration {
    let growth = retry
        .backoff_multiplier
        .max(1.0)
        .powi(i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX));
    let seconds = retry.initial_delay.as_secs_f64() * growth;
    if seconds < retry.max_delay.as_secs_f64() {
        Duration::from_secs_f64(seconds)
    } else {
        retry.max_delay
    }
}

/// Random numbers for pauses: fast, and good enough for nothing else (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// With a seed of a test's.
    #[cfg(test)]
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// With a seed of the system's. Without one all processes would pause alike, which is no error.
    pub(super) fn new() -> Self {
        let mut seed = [0; 8];
        let _ = getrandom::fill(&mut seed);
        Self(u64::from_le_bytes(seed))
    }

    /// Evenly between the two.
    pub(super) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // The upper 53 bits are as many as a float holds exactly.
        let fraction = (bits >> 11) as f64 / (1u64 << 53) as f64;
        least + most.saturating_sub(least).mul_f64(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceilings_are_those_that_the_plugin_documents() {
        let retry = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            backoff_multiplier: 2.0,
        };
        let seconds: Vec<u64> = (1..8)
            .map(|failed| ceiling(&retry, failed).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(ceiling(&retry, u32::MAX), retry.max_delay);
        let steep = RetrySettings {
            backoff_multiplier: f64::INFINITY,
            ..retry
        };
        assert_eq!(ceiling(&steep, 2), steep.max_delay);
    }

    #[test]
    fn pauses_are_spread_over_the_whole_range() {
        let mut jitter = Jitter::seeded(1);
        let (least, most) = (Duration::from_millis(100), Duration::from_millis(250));
        let pauses: Vec<Duration> = (0..1000).map(|_| jitter.between(least, most)).collect();
        assert!(pauses.iter().all(|pause| (least..=most).contains(pause)));
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
        assert_eq!(jitter.between(most, least), most);
    }
}
