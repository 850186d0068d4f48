//! One project that envelopes go to: its address, its place on the board, whether it can be reached, and
//! what waits for it. Owned by the sender's task.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::client::NAME;
use crate::config::{Dsn, SentrySettings};
use crate::sentry::{
    outbox::{self, Claim, Outbox},
    protocol::{
        batcher::Batcher,
        category::{Category, Priority},
        envelope::Envelope,
    },
    reachability::{Destination, Probe},
    shared_state::{ProjectSlot, SharedState},
};

/// Claims that are settled together, when the last of their envelopes has an end.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Claims(Arc<(Vec<Claim>, AtomicUsize)>);

impl Claims {
    /// Claims that so many envelopes come from.
    pub(in crate::sentry) fn new(claims: Vec<Claim>, envelopes: usize) -> Self {
        Self(Arc::new((claims, AtomicUsize::new(envelopes))))
    }

    /// One envelope has its end. The claims, where it was the last one.
    pub(in crate::sentry) fn finish_one(&self) -> &[Claim] {
        match self.0.1.fetch_sub(1, Ordering::AcqRel) {
            1 => &self.0.0,
            _ => &[],
        }
    }

    /// All of them.
    pub(in crate::sentry) fn all(&self) -> &[Claim] {
        &self.0.0
    }
}

/// An envelope to be sent.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Delivery {
    pub(in crate::sentry) claims: Claims,
    /// Made of several; `None`: the one claim's record.
    pub(in crate::sentry) made: Option<Arc<Vec<u8>>>,
    /// Tries that failed.
    pub(in crate::sentry) attempts: u32,
    /// The oldest of its records.
    pub(in crate::sentry) accepted_ms: u64,
    /// Its class, and the number of its claim: in this order those that wait are sent.
    pub(in crate::sentry) turn: (Priority, u64),
}

impl Delivery {
    /// Whether it may be dropped while it waits. One that was made of records, or of a part of one, is not:
    /// they are settled together.
    pub(in crate::sentry) fn is_evictable(&self) -> bool {
        self.made.is_none()
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(in crate::sentry) struct Project {
    pub(in crate::sentry) dsn: Dsn,
    pub(in crate::sentry) auth: Arc<str>,
    pub(in crate::sentry) endpoint: Arc<str>,
    pub(in crate::sentry) shared: Arc<SharedState>,
    pub(in crate::sentry) slot: ProjectSlot,
    pub(in crate::sentry) batches: Batcher,
    /// What waits for Sentry to come back, or is sent step by step after it did; by its turn.
    pub(in crate::sentry) deferred: BTreeMap<(Priority, u64), Delivery>,
    /// Batches that are to be sent at once.
    pub(in crate::sentry) ready: VecDeque<Delivery>,
    /// Failures in a row.
    pub(in crate::sentry) failures: u32,
    /// After trouble with an envelope nothing is sent before, and then a single one.
    pub(in crate::sentry) down_until: Option<Instant>,
    /// Whether its destination can be reached, as far as the host knows.
    pub(in crate::sentry) destination: Destination,
    /// What is sent next is to find out whether Sentry is back, or is under way to do so.
    pub(in crate::sentry) probing: bool,
    /// The right to do so where the destination is out of reach, until the request has it.
    pub(in crate::sentry) probe: Option<Probe>,
    /// Why it could not be reached last.
    pub(in crate::sentry) trouble: Option<String>,
    /// When to look again, where another process probes.
    pub(in crate::sentry) look_at: Instant,
    /// When the next of those that had to wait may go.
    pub(in crate::sentry) drain_at: Instant,
    /// Since when there are losses to report.
    pub(in crate::sentry) lost_since: Option<Instant>,
    /// When a report that went alone was refused last: a flush doesn't offer it again and again.
    pub(in crate::sentry) report_refused: Option<Instant>,
}

impl Project {
    pub(in crate::sentry) fn new(
        dsn: Dsn,
        first: &Arc<SharedState>,
        settings: &SentrySettings,
    ) -> Self {
        let (shared, slot) = register(first, &dsn);
        Self {
            auth: dsn.auth(NAME).into(),
            endpoint: dsn.endpoint().into(),
            shared,
            slot,
            batches: Batcher::default(),
            deferred: BTreeMap::new(),
            ready: VecDeque::new(),
            failures: 0,
            down_until: None,
            destination: Destination::of(first, &dsn, settings),
            probing: false,
            probe: None,
            trouble: None,
            look_at: Instant::now(),
            drain_at: Instant::now(),
            lost_since: None,
            report_refused: None,
            dsn,
        }
    }

    /// Whether it can't be reached at the moment.
    pub(in crate::sentry) fn is_down(&self) -> bool {
        self.down_until.is_some() || self.destination.is_down()
    }

    /// When the next of those that wait may go; where Sentry can't be reached, the next probe.
    pub(in crate::sentry) fn next_at(&self, now: Instant, ceiling: Duration) -> Instant {
        let probe = self.destination.probe_in(ceiling).map(|left| now + left);
        let down = self.down_until.into_iter().chain(probe).max();
        down.unwrap_or(self.drain_at)
    }

    /// Nothing is under way any more that was to find out whether Sentry is back.
    pub(in crate::sentry) fn end_probe(&mut self) {
        self.probing = false;
        self.probe = None;
    }

    /// Lets a piece of work wait; it may be dropped meanwhile.
    pub(in crate::sentry) fn defer(&mut self, delivery: Delivery, outbox: &Outbox) {
        if delivery.is_evictable() {
            delivery
                .claims
                .all()
                .iter()
                .for_each(|claim| outbox.defer(claim));
        }
        self.deferred.insert(delivery.turn, delivery);
    }

    /// The next one of those that wait.
    pub(in crate::sentry) fn resume(&mut self) -> Option<Delivery> {
        loop {
            let (_, delivery) = self.deferred.pop_first()?;
            if !delivery.is_evictable() || delivery.claims.all().iter().all(Claim::resume) {
                return Some(delivery);
            }
        }
    }

    /// Forgets what was dropped while it waited.
    pub(in crate::sentry) fn remove_evicted(&mut self) {
        self.deferred.retain(|_, delivery| {
            !delivery.is_evictable() || delivery.claims.all().iter().all(Claim::is_deferred)
        });
    }

    /// Whether Sentry wants silence for that.
    pub(in crate::sentry) fn limited(&self, category: Option<Category>) -> Option<Duration> {
        self.shared.limited(self.slot, category)
    }
}

/// The board and the place on it for a project.
pub(in crate::sentry) fn register(
    first: &Arc<SharedState>,
    dsn: &Dsn,
) -> (Arc<SharedState>, ProjectSlot) {
    register_text(first, dsn.expose().as_bytes())
}

/// As [`place_on`], by the DSN's text.
pub(in crate::sentry) fn register_text(
    first: &Arc<SharedState>,
    dsn: &[u8],
) -> (Arc<SharedState>, ProjectSlot) {
    let hash = hash(dsn);
    let mut shared = Arc::clone(first);
    loop {
        if let Some(slot) = shared.register_project(hash) {
            return (shared, slot);
        }
        match shared.next() {
            Some(next) => shared = next,
            None => return (shared, ProjectSlot::last()),
        }
    }
}

/// The DSN that holds for a record.
pub(in crate::sentry) fn dsn_of(stored: &[u8], envelope: &Envelope<'_>) -> Option<Dsn> {
    if stored.is_empty() {
        return Dsn::parse(&envelope.text("dsn")?).ok();
    }
    Dsn::parse(std::str::from_utf8(stored).ok()?).ok()
}

/// Of a DSN's text; the same in every process.
#[inline]
pub(in crate::sentry) fn hash(text: &[u8]) -> u64 {
    outbox::hash(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, sentry::outbox::Capacity};

    #[test]
    fn those_that_wait_go_in_their_order_whatever_the_order_in_which_they_failed() {
        let room = Capacity {
            bytes: 1 << 20,
            records: 100,
        };
        let (outbox, _) = Outbox::open(None, room);
        let first = Arc::new(SharedState::open(None).unwrap());
        let dsn = Dsn::parse("https://k@host/1").unwrap();
        let mut project = Project::new(dsn, &first, &Settings::default().sentry);
        for _ in 0..3 {
            outbox.push(Priority::Critical, b"", b"e", 1).unwrap();
            outbox.push(Priority::Lowest, b"", b"r", 1).unwrap();
        }
        let mut deliveries: Vec<Delivery> = (1..=6)
            .map(|turn| {
                let priority = [Priority::Critical, Priority::Lowest][turn as usize % 2];
                Delivery {
                    claims: Claims::new(vec![outbox.claim(priority).unwrap()], 1),
                    made: None,
                    attempts: 0,
                    accepted_ms: 1,
                    turn: (priority, turn),
                }
            })
            .collect();
        deliveries.rotate_left(2);
        deliveries.swap(0, 3);
        deliveries
            .into_iter()
            .for_each(|delivery| project.defer(delivery, &outbox));
        // The oldest replay goes for an event.
        let dropped = project
            .deferred
            .get(&(Priority::Lowest, 1))
            .unwrap()
            .claims
            .all()[0]
            .clone();
        let new_record = outbox::NewRecord {
            priority: Priority::Critical,
            project: 0,
        };
        assert!(outbox.evict_one(new_record));
        assert!(!dropped.is_deferred());
        project.remove_evicted();
        let turns: Vec<u64> = std::iter::from_fn(|| project.resume())
            .map(|delivery| delivery.turn.1)
            .collect();
        assert_eq!(turns, [2, 4, 6, 3, 5]);
    }
}
