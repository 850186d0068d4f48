//! Whether a destination (an origin, through a proxy or not) can be reached: a state of the host, on the
//! board, so that one process finds out for all of them that it can't, and that it can again. Single words,
//! changed by single atomic operations. On the runtime, and by any thread that asks.

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
    config::{Dsn, SentrySettings},
    host::clock,
};

/// Pauses between probes are no longer than this, unless the settings want the first one longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The words of a row: its name's hash, from when on it may be probed (0: it can be reached), failures in
/// a row, until when a probe is under way, when it answered last (milliseconds since 1970), when it failed last.
const KEY: usize = 0;
const PROBE_FROM: usize = 1;
const FAILURES: usize = 2;
const PROBING_UNTIL: usize = 3;
const ANSWERED: usize = 4;
const FAILED_AT: usize = 5;
/// `ANSWERED` is exact to this, so that an answer rarely writes to memory that all share.
const EXACT_TO: u64 = 100;

/// One destination.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    shared: Arc<SharedState>,
    row: DestinationSlot,
}

/// The right to find out whether a destination is back. Ends with its drop.
#[derive(Debug)]
pub(super) struct Probe {
    route: Destination,
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
        let hash = outbox::hash(name.as_bytes()).max(1);
        let mut shared = Arc::clone(first);
        loop {
            let found = (0..MAX_DESTINATIONS).map(DestinationSlot).find(|row| {
                let key = shared.destination_word(*row, KEY);
                key.is_some_and(|key| {
                    match key.compare_exchange(0, hash, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => true,
                        Err(held) => held == hash,
                    }
                })
            });
            match (found, shared.next()) {
                (Some(row), _) => return Self { shared, row },
                (None, Some(next)) => shared = next,
                (None, None) => {
                    let row = DestinationSlot(MAX_DESTINATIONS - 1);
                    return Self { shared, row };
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
        self.shared.destination_word(self.row, word)
    }

    /// How long it is not to be probed still; `None`: it can be reached, as far as is known. A pause that
    /// another process' settings made longer than `ceiling` is cut.
    pub(super) fn probe_in(&self, ceiling: Duration) -> Option<Duration> {
        match self.load(PROBE_FROM) {
            0 => None,
            from => {
                let from = from.min(self.load(FAILED_AT) + ceiling.as_millis() as u64);
                Some(Duration::from_millis(from.saturating_sub(now())))
            }
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.load(PROBE_FROM) != 0
    }

    /// When it answered last, in milliseconds since 1970.
    pub(super) fn last_answer_ms(&self) -> u64 {
        self.load(ANSWERED)
    }

    /// Begins a probe that ends by itself after `lasts`. `None`: another one is under way.
    pub(super) fn probe(&self, duration: Duration) -> Option<Probe> {
        let word = self.word(PROBING_UNTIL)?;
        let (now, before) = (now(), word.load(Ordering::Acquire));
        // At least a millisecond, and later than the last one, so that each probe has a value of its own.
        let until = (now + duration.as_millis() as u64).max(before + 1);
        (before <= now
            && word
                .compare_exchange(before, until, Ordering::AcqRel, Ordering::Acquire)
                .is_ok())
        .then(|| Probe {
            route: self.clone(),
            until,
        })
    }

    /// It could not be reached. `true`: that is news. Of several that were under way only the first
    /// counts, and afterwards the probes.
    pub(super) fn fail(&self, is_probe: bool, settings: &SentrySettings) -> bool {
        let Some(from) = self.word(PROBE_FROM) else {
            return false;
        };
        let failures = self.load(FAILURES);
        let (now, pause) = (now(), pause(settings, failures, ceiling(settings)));
        let next = (now + pause.as_millis() as u64).max(1);
        if is_probe || !self.is_down() {
            self.store(FAILED_AT, now);
        }
        let is_first = from
            .compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if !is_first && is_probe {
            from.store(next, Ordering::Release);
        }
        if is_first || is_probe {
            self.store(FAILURES, failures.saturating_add(1));
        }
        is_first
    }

    /// It answered. `true`: it had been out of reach.
    pub(super) fn answer(&self) -> bool {
        let at = clock::unix_ms();
        if self.last_answer_ms().abs_diff(at) >= EXACT_TO {
            self.store(ANSWERED, at);
        }
        if !self.is_down() {
            return false;
        }
        self.store(FAILURES, 0);
        self.word(PROBE_FROM)
            .is_some_and(|from| from.swap(0, Ordering::AcqRel) != 0)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(word) = self.route.word(PROBING_UNTIL) {
            let _ = word.compare_exchange(self.until, now(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The longest pause between two probes.
pub(super) fn ceiling(settings: &SentrySettings) -> Duration {
    let longest = LONGEST_PAUSE.max(settings.initial_backoff);
    longest.min(settings.max_backoff)
}

/// The pause after so many failures in a row: from half of its ceiling to all of it, so that the tries of an
/// envelope never follow each other at once.
pub(super) fn pause(settings: &SentrySettings, failures: u64, longest: Duration) -> Duration {
    let growth = settings
        .backoff_multiplier
        .powi(i32::try_from(failures).unwrap_or(i32::MAX));
    let seconds = settings.initial_backoff.as_secs_f64() * growth;
    let ceiling = seconds.min(longest.as_secs_f64());
    let draw = getrandom::u32().map_or(1.0, |bits| f64::from(bits) / f64::from(u32::MAX));
    Duration::try_from_secs_f64(ceiling * (0.5 + draw / 2.0)).unwrap_or(longest)
}

/// Milliseconds since boot, which is the clock that all processes share.
fn now() -> u64 {
    clock::since_boot()
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
