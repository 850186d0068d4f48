//! The pause before the next attempt: exponential, capped, with equal jitter (between half of the ceiling and all of
//! it), so that many clients of one server do not retry in step and yet no attempt is spent at once. (Marc Brooker,
//! "Exponential Backoff and Jitter", AWS Architecture Blog.)

use std::time::{Duration, SystemTime};

use crate::config::RetrySettings;

/// The steps by which the backoff after a failed connection is ahead of the one after an answer: a server that restarts
/// is unreachable for seconds.
const CONNECT_STEPS: u32 = 2;

/// Returns the ceiling of the pause after `failed` attempts, from 1.
#[must_use]
pub(super) fn backoff_ceiling(retry: &RetrySettings, failed: u32) -> Duration {
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

/// Like [`backoff_ceiling`], after attempts that reached no server.
#[must_use]
pub(super) fn connect_backoff_ceiling(retry: &RetrySettings, failed: u32) -> Duration {
    backoff_ceiling(retry, failed.saturating_add(CONNECT_STEPS))
}

/// Parses the header `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
#[must_use]
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Random numbers for pauses (splitmix64): fast, and not for any other purpose.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// Uses a fixed seed.
    #[cfg(test)]
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Uses a random seed of the system. Without one all processes pause alike, which is no error.
    pub(super) fn new() -> Self {
        let mut seed = [0; 8];
        let _ = getrandom::fill(&mut seed);
        Self(u64::from_le_bytes(seed))
    }

    /// Returns a duration between half of `ceiling` and all of it.
    pub(super) fn equal(&mut self, ceiling: Duration) -> Duration {
        self.between(ceiling / 2, ceiling)
    }

    /// Returns slightly more than the server asked for, because it asks all of its clients.
    pub(super) fn beyond(&mut self, min: Duration) -> Duration {
        self.between(min, min.saturating_add(min / 8))
    }

    /// Returns a uniformly distributed duration between the two.
    pub(super) fn between(&mut self, min: Duration, max: Duration) -> Duration {
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
    fn ceilings_are_those_of_the_plugin_documentation() {
        let retry = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            backoff_multiplier: 2.0,
        };
        let seconds: Vec<u64> = (1..8)
            .map(|failed| backoff_ceiling(&retry, failed).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(backoff_ceiling(&retry, u32::MAX), retry.max_delay);
        let steep = RetrySettings {
            backoff_multiplier: f64::INFINITY,
            ..retry
        };
        assert_eq!(backoff_ceiling(&steep, 2), steep.max_delay);
    }

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
    fn unreachable_server_has_more_time_than_one_that_answers() {
        let retry = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            backoff_multiplier: 2.0,
        };
        let seconds: Vec<u64> = (1..5)
            .map(|failed| connect_backoff_ceiling(&retry, failed).as_secs())
            .collect();
        assert_eq!(seconds, [4, 8, 10, 10]);
        assert_eq!(connect_backoff_ceiling(&retry, u32::MAX), retry.max_delay);
    }

    #[test]
    fn retry_after_is_parsed_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value}");
        }
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
