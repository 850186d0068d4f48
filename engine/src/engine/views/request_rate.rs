//! Requests of the host per second: the difference of two readings of one counter. Any thread.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Readings closer than this return the rate of the reading before, because a short interval has a large error.
const MIN_INTERVAL: Duration = Duration::from_millis(500);

/// The last reading, and when the process began.
#[derive(Debug)]
pub(in crate::engine) struct RequestRate {
    began: Instant,
    last: Mutex<Option<Reading>>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    requests: u64,
    rate: Option<f64>,
}

impl Default for RequestRate {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last: Mutex::default(),
        }
    }
}

impl RequestRate {
    /// The time since this process began.
    pub(super) fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// The rate since the reading before; `None` for the first one.
    pub(super) fn read(&self, now: Instant, requests: u64) -> Option<f64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = match *last {
            Some(before) => {
                let passed = now.saturating_duration_since(before.at);
                if passed < MIN_INTERVAL {
                    return before.rate;
                }
                // The counters begin at zero again if their file was removed.
                let count = requests.saturating_sub(before.requests);
                Some(count as f64 / passed.as_secs_f64())
            }
            None => None,
        };
        *last = Some(Reading {
            at: now,
            requests,
            rate,
        });
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_that_of_the_interval_between_two_readings() {
        let rate = RequestRate::default();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(rate.read(at(0), 100), None);
        assert_eq!(rate.read(at(100), 900), None, "too short an interval");
        assert_eq!(rate.read(at(2000), 150), Some(25.0));
        assert_eq!(rate.read(at(2100), 900), Some(25.0));
        assert_eq!(rate.read(at(4000), 0), Some(0.0), "the counter was removed");
    }
}
