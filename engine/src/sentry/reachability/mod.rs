//! Whether a destination (an origin, and the proxy on the way to it) is reachable: a state in shared memory, so that
//! one process finds out for the whole host that it is not, and that it is again. Single words, changed by single
//! atomic operations. Written on the runtime, read by any thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    outbox,
    shared_state::{DestinationSlot, MAX_DESTINATIONS, SharedState},
};
use crate::{
    backoff::{self, Jitter},
    config::{Dsn, SentrySettings},
    host::clock,
};

/// Limit on the pause between probes, unless `retry.initial_backoff` is longer.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The words of a slot after the hash of the name: time of the next probe (0: reachable); consecutive failures; end of
/// the probe in progress; last answer (milliseconds since 1970, the others since boot); last failure.
const PROBE_AT: usize = 1;
const FAILURES: usize = 2;
const PROBING_UNTIL: usize = 3;
const ANSWERED_AT: usize = 4;
const FAILED_AT: usize = 5;
/// Resolution of `ANSWERED_AT`, so that an answer rarely writes to memory that all processes share.
const ANSWERED_RESOLUTION_MS: u64 = 100;

/// A destination, shared by all projects and processes that reach Sentry the same way.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    shared: Arc<SharedState>,
    slot: DestinationSlot,
}

/// The host-wide right to probe a destination. Ends with its drop, or after its lease.
#[derive(Debug)]
pub(super) struct ProbeGuard {
    destination: Destination,
    until: u64,
}

impl Destination {
    /// The destination of a project.
    pub(super) fn of(first: &Arc<SharedState>, dsn: &Dsn, settings: &SentrySettings) -> Self {
        let endpoint = dsn.endpoint();
        let origin = endpoint
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        let proxy = settings.proxy.as_ref().map(|url| url.as_url().as_str());
        Self::named(first, &format!("{origin} {}", proxy.unwrap_or_default()))
    }

    fn named(first: &Arc<SharedState>, name: &str) -> Self {
        let hash = outbox::hash(name.as_bytes());
        let mut shared = Arc::clone(first);
        loop {
            if let Some(slot) = shared.destination(hash) {
                return Self { shared, slot };
            }
            match shared.next() {
                Some(next) => shared = next,
                None => {
                    let slot = DestinationSlot(MAX_DESTINATIONS - 1);
                    return Self { shared, slot };
                }
            }
        }
    }

    fn load(&self, word: usize) -> u64 {
        self.word(word)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn store(&self, word: usize, value: u64) {
        if let Some(word) = self.word(word) {
            word.store(value, Ordering::Release);
        }
    }

    fn word(&self, word: usize) -> Option<&AtomicU64> {
        self.shared.destination_word(self.slot, word)
    }

    /// Time until the next probe, or `None` if it is reachable. A pause from the settings of another process is cut to
    /// `max_pause`.
    pub(super) fn next_probe_in(&self, max_pause: Duration) -> Option<Duration> {
        match self.load(PROBE_AT) {
            0 => None,
            at => {
                let at = at.min(self.load(FAILED_AT) + max_pause.as_millis() as u64);
                Some(Duration::from_millis(at.saturating_sub(now())))
            }
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.load(PROBE_AT) != 0
    }

    /// The time of the last answer, in milliseconds since 1970.
    pub(super) fn last_answer_ms(&self) -> u64 {
        self.load(ANSWERED_AT)
    }

    /// Begins a probe for at most `lease`. Returns `None` while another one is in progress.
    pub(super) fn try_probe(&self, lease: Duration) -> Option<ProbeGuard> {
        let word = self.word(PROBING_UNTIL)?;
        let (now, before) = (now(), word.load(Ordering::Acquire));
        // Later than the end of the last one, so that the value identifies this probe.
        let until = (now + lease.as_millis() as u64).max(before + 1);
        (before <= now
            && word
                .compare_exchange(before, until, Ordering::AcqRel, Ordering::Acquire)
                .is_ok())
        .then(|| ProbeGuard {
            destination: self.clone(),
            until,
        })
    }

    /// Records that it could not be reached. Returns `true` if it was reachable before. Of requests that were in flight
    /// together only the first one counts; after that, probes.
    pub(super) fn record_failure(&self, is_probe: bool, settings: &SentrySettings) -> bool {
        let Some(probe_at) = self.word(PROBE_AT) else {
            return false;
        };
        let failures = self.load(FAILURES);
        let (now, pause) = (now(), pause(settings, failures, max_pause(settings)));
        let next = (now + pause.as_millis() as u64).max(1);
        if is_probe || !self.is_down() {
            self.store(FAILED_AT, now);
        }
        let is_first = probe_at
            .compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if !is_first && is_probe {
            probe_at.store(next, Ordering::Release);
        }
        if is_first || is_probe {
            self.store(FAILURES, failures.saturating_add(1));
        }
        is_first
    }

    /// Records an answer. Returns `true` if it was unreachable before.
    pub(super) fn record_answer(&self) -> bool {
        let at = clock::unix_ms();
        if self.last_answer_ms().abs_diff(at) >= ANSWERED_RESOLUTION_MS {
            self.store(ANSWERED_AT, at);
        }
        if !self.is_down() {
            return false;
        }
        self.store(FAILURES, 0);
        self.word(PROBE_AT)
            .is_some_and(|probe_at| probe_at.swap(0, Ordering::AcqRel) != 0)
    }
}

impl Drop for ProbeGuard {
    fn drop(&mut self) {
        if let Some(word) = self.destination.word(PROBING_UNTIL) {
            let _ = word.compare_exchange(self.until, now(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The longest pause between two probes.
pub(super) fn max_pause(settings: &SentrySettings) -> Duration {
    let max = MAX_PAUSE.max(settings.initial_backoff);
    max.min(settings.max_backoff)
}

/// The pause after consecutive failures: exponential, at most `max`, with jitter in its upper half, so that attempts
/// of one envelope never follow each other at once.
pub(super) fn pause(settings: &SentrySettings, failures: u64, max: Duration) -> Duration {
    let ceiling = backoff::ceiling(
        settings.initial_backoff,
        settings.backoff_multiplier,
        max,
        failures.try_into().unwrap_or(u32::MAX),
    );
    Jitter::new().equal(ceiling)
}

/// Milliseconds since boot, the monotonic clock that all processes share.
fn now() -> u64 {
    clock::since_boot()
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
