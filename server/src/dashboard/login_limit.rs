//! Bounds the number of wrong tokens: a bucket of attempts, filled up with time. It is one for all clients, because
//! behind a front server they have one address; sessions and bearer tokens are not affected. Any thread.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong tokens in a row.
const BURST: u32 = 10;
/// The time after which one more is allowed.
const INTERVAL: Duration = Duration::from_secs(6);

/// The attempts that are left.
#[derive(Debug)]
pub(super) struct LoginLimit(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    left: u32,
    filled: Instant,
}

impl Default for LoginLimit {
    fn default() -> Self {
        Self(Mutex::new(Bucket {
            left: BURST,
            filled: Instant::now(),
        }))
    }
}

impl LoginLimit {
    /// The time until the next attempt is allowed; `None`: it is allowed now.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.fill(now);
        match bucket.left {
            0 => Some(INTERVAL.saturating_sub(now.saturating_duration_since(bucket.filled))),
            _ => None,
        }
    }

    /// An attempt with a wrong token.
    pub(super) fn failed(&self, now: Instant) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.fill(now);
        bucket.left = bucket.left.saturating_sub(1);
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        if self.left >= BURST {
            self.filled = now;
            return;
        }
        while self.left < BURST && now.saturating_duration_since(self.filled) >= INTERVAL {
            self.left += 1;
            self.filled += INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tokens_are_limited_and_allowed_again_later() {
        let limit = LoginLimit::default();
        let begin = Instant::now();
        for _ in 0..BURST {
            assert_eq!(limit.wait(begin), None);
            limit.failed(begin);
        }
        assert!(limit.wait(begin).is_some_and(|wait| wait <= INTERVAL));
        assert_eq!(limit.wait(begin + INTERVAL), None);
        limit.failed(begin + INTERVAL);
        assert!(limit.wait(begin + INTERVAL).is_some());
        assert_eq!(limit.wait(begin + INTERVAL * 100), None);
    }
}
