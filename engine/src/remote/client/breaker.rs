//! The pause after a failure. Closed: calls are admitted. After a failure it is open: calls are refused, and after a
//! pause one of them is admitted as a probe: its end closes the breaker or begins the next, longer pause. Time comes in
//! from outside. Any thread.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::backoff::{self, Jitter};

const FIRST_PAUSE: Duration = Duration::from_secs(10);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The circuit breaker of one direction.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Failures in a row.
    failures: u32,
    paused_until: Option<Instant>,
    is_probing: bool,
}

/// An admitted call. Dropped without a result, it changes nothing.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// Admits a call; `None` during a pause, and while a probe is under way.
    pub(super) fn admit(&self, now: Instant) -> Option<Permit<'_>> {
        let mut state = self.lock();
        if state.failures == 0 {
            return Some(Permit {
                breaker: self,
                is_probe: false,
            });
        }
        if state.is_refusing(now) {
            return None;
        }
        state.is_probing = true;
        Some(Permit {
            breaker: self,
            is_probe: true,
        })
    }

    /// Whether [`Breaker::admit`] would refuse a call.
    pub(super) fn is_refusing(&self, now: Instant) -> bool {
        self.lock().is_refusing(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_refusing(&self, now: Instant) -> bool {
        self.failures > 0 && (self.is_probing || self.paused_until.is_some_and(|until| now < until))
    }
}

impl Permit<'_> {
    /// The remote has answered.
    pub(super) fn succeed(self) {
        *self.breaker.lock() = State::default();
    }

    /// The remote has failed. Returns the pause.
    pub(super) fn fail(self, now: Instant) -> Duration {
        let mut state = self.breaker.lock();
        // Calls that were under way together fail together, which is one failure.
        let is_first = self.is_probe || !state.is_refusing(now);
        if is_first {
            let ceiling = backoff::ceiling(FIRST_PAUSE, 2.0, MAX_PAUSE, state.failures);
            state.paused_until = Some(now + Jitter::new().equal(ceiling));
            state.failures = state.failures.saturating_add(1);
        }
        let until = state.paused_until.unwrap_or(now);
        until.saturating_duration_since(now)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_refuses_calls_for_a_growing_pause() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let first = breaker.admit(start).unwrap().fail(start);
        assert!(
            (FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&first),
            "{first:?}"
        );
        assert!(breaker.admit(start).is_none() && breaker.is_refusing(start));
        let later = start + first;
        let second = breaker.admit(later).unwrap().fail(later);
        assert!(second > FIRST_PAUSE * 3 / 4, "{second:?}");
        let mut now = later + second;
        for _ in 0..10 {
            now += breaker.admit(now).unwrap().fail(now);
        }
        let last = breaker.admit(now).unwrap().fail(now);
        assert!((MAX_PAUSE / 2..=MAX_PAUSE).contains(&last), "{last:?}");
    }

    #[test]
    fn one_probe_at_a_time_follows_the_pause() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        breaker.admit(start).unwrap().fail(start);
        let later = start + MAX_PAUSE;
        let probe = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_none());
        // A cancelled probe leaves its place to the next one.
        drop(probe);
        breaker.admit(later).unwrap().succeed();
        assert!(breaker.admit(start).is_some() && breaker.admit(start).is_some());
    }

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let calls: Vec<_> = (0..50).map(|_| breaker.admit(start).unwrap()).collect();
        for call in calls {
            assert!(call.fail(start) <= FIRST_PAUSE);
        }
    }
}
