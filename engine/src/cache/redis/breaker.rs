//! Decides whether a call may wait for the second tier. Closed: it may. After several failures in a row it is open: no
//! call waits, and after a pause one probe is sent in the background; an answer to it closes the breaker again. The
//! pause grows with the failures. Time comes in from outside. Any thread.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The pause grows by this with each failure in a row.
const PAUSE_STEP: Duration = Duration::from_millis(100);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// The circuit breaker of one second tier.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures since the last success.
    failures: u32,
    /// No connection and no probe is tried before.
    paused_until: Option<Instant>,
    is_probing: bool,
}

/// Whether a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
    /// It may not, and has to start the probe.
    Probe,
}

/// The state, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// Calls wait for answers.
    Closed,
    /// Calls are refused.
    Open,
    /// Calls are refused, and a probe is under way.
    Probing,
}

impl BreakerState {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

impl Breaker {
    /// A closed one, which so many failures in a row open.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            state: Mutex::default(),
        }
    }

    /// Whether a call may wait. [`Admission::Probe`] is returned to one call for each pause.
    pub(super) fn admit(&self, now: Instant) -> Admission {
        let mut state = self.lock();
        if state.failures < self.limit {
            return Admission::Allowed;
        }
        if state.is_probing || state.paused_until.is_some_and(|until| now < until) {
            return Admission::Refused;
        }
        state.is_probing = true;
        Admission::Probe
    }

    /// Whether [`Breaker::admit`] would refuse a call.
    pub(super) fn is_refusing(&self, now: Instant) -> bool {
        let state = self.lock();
        state.failures >= self.limit
            && (state.is_probing || state.paused_until.is_some_and(|until| now < until))
    }

    /// Whether a new connection may be tried.
    pub(super) fn may_connect(&self, now: Instant) -> bool {
        let state = self.lock();
        state.is_probing || state.paused_until.is_none_or(|until| now >= until)
    }

    /// Records an answer, which closes the breaker.
    pub(super) fn succeed(&self) {
        *self.lock() = State::default();
    }

    /// Records that an answer did not come. Returns `true` if that opens the breaker.
    pub(super) fn fail(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.paused_until = Some(now + pause(state.failures));
        state.is_probing = false;
        state.failures == self.limit
    }

    /// The state.
    pub(super) fn state(&self) -> BreakerState {
        let state = self.lock();
        if state.failures < self.limit {
            BreakerState::Closed
        } else if state.is_probing {
            BreakerState::Probing
        } else {
            BreakerState::Open
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32) -> Duration {
    PAUSE_STEP.saturating_mul(failures).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaker_opens_after_failures_in_a_row() {
        let (breaker, now) = (Breaker::new(3), Instant::now());
        assert!(!breaker.fail(now) && !breaker.fail(now));
        breaker.succeed();
        assert!(!breaker.fail(now) && !breaker.fail(now));
        assert_eq!(breaker.admit(now), Admission::Allowed);
        assert!(breaker.fail(now));
        assert_eq!(breaker.admit(now), Admission::Refused);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn open_breaker_admits_one_probe_for_each_pause() {
        let (breaker, now) = (Breaker::new(1), Instant::now());
        assert!(breaker.fail(now));
        assert!(!breaker.may_connect(now));
        let later = now + pause(1);
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.admit(later), Admission::Refused);
        assert!(breaker.may_connect(later));
        assert!(!breaker.fail(later), "it was open");
        assert_eq!(breaker.admit(later + pause(1)), Admission::Refused);
        assert_eq!(breaker.admit(later + pause(2)), Admission::Probe);
        breaker.succeed();
        assert_eq!(breaker.admit(later), Admission::Allowed);
    }

    #[test]
    fn pause_grows_to_its_end() {
        let seconds = |failures| pause(failures).as_secs_f64();
        assert_eq!(
            [1, 3, 30, 31, u32::MAX].map(seconds),
            [0.1, 0.3, 3.0, 3.0, 3.0]
        );
    }
}
