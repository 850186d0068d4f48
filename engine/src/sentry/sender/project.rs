//! A project that envelopes are sent to: its address, its slot in the shared state, whether it is reachable, and its
//! queues. Owned by the sender task.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{client::Endpoint, delivery::Delivery};
use crate::config::{Dsn, SentrySettings};
use crate::sentry::{
    outbox::{self, Claim, Outbox},
    protocol::{
        batcher::Batcher,
        category::{Category, Priority},
        envelope::Envelope,
    },
    reachability::{Destination, ProbeGuard},
    shared_state::{ProjectSlot, SharedState},
};

/// A project of Sentry, named by its DSN, with everything that is queued for it.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) dsn: Dsn,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) shared: Arc<SharedState>,
    pub(super) slot: ProjectSlot,
    pub(super) batcher: Batcher,
    /// Deliveries that wait until Sentry is reachable, or for their turn after that; by [`Delivery::order`].
    pub(super) deferred: BTreeMap<(Priority, u64), Delivery>,
    /// Containers that are sent at once.
    pub(super) ready: VecDeque<Delivery>,
    /// Consecutive unanswered requests.
    pub(super) failures: u32,
    /// After an unanswered request nothing is sent until then, and then one delivery alone.
    pub(super) backoff_until: Option<Instant>,
    /// The origin; its reachability is a state of the host.
    pub(super) destination: Destination,
    /// Whether the next delivery probes whether Sentry is back, or one that does is in flight.
    pub(super) is_probing: bool,
    /// The host-wide right to probe an unreachable destination, until the request takes it.
    pub(super) probe: Option<ProbeGuard>,
    /// Why the last request failed.
    pub(super) last_error: Option<String>,
    /// When to poll the destination again while another process probes it.
    pub(super) next_poll: Instant,
    /// When the next deferred delivery may be sent.
    pub(super) drain_at: Instant,
    /// Since when there are losses to report.
    pub(super) losses_since: Option<Instant>,
    /// When a client report of its own failed last: a flush must not send it again and again.
    pub(super) report_failed_at: Option<Instant>,
}

impl Project {
    /// Returns `None` if the DSN is no address that requests can be sent to.
    pub(super) fn new(
        dsn: Dsn,
        first: &Arc<SharedState>,
        settings: &SentrySettings,
    ) -> Option<Self> {
        let endpoint = Arc::new(Endpoint::of(&dsn)?);
        let (shared, slot) = SharedState::project_of(first, dsn.expose().as_bytes());
        Some(Self {
            endpoint,
            shared,
            slot,
            batcher: Batcher::default(),
            deferred: BTreeMap::new(),
            ready: VecDeque::new(),
            failures: 0,
            backoff_until: None,
            destination: Destination::of(first, &dsn, settings),
            is_probing: false,
            probe: None,
            last_error: None,
            next_poll: Instant::now(),
            drain_at: Instant::now(),
            losses_since: None,
            report_failed_at: None,
            dsn,
        })
    }

    /// Whether nothing but probes is sent to it at the moment.
    pub(super) fn is_down(&self) -> bool {
        self.backoff_until.is_some() || self.destination.is_down()
    }

    /// When the next deferred delivery may be sent: the next probe if Sentry is unreachable.
    pub(super) fn next_at(&self, now: Instant, max_pause: Duration) -> Instant {
        let probe = self.destination.next_probe_in(max_pause);
        let probe = probe.map(|left| now + left);
        let down = self.backoff_until.into_iter().chain(probe).max();
        down.unwrap_or(self.drain_at)
    }

    /// No probe is in flight any more.
    pub(super) fn end_probe(&mut self) {
        self.is_probing = false;
        self.probe = None;
    }

    /// Queues a delivery until Sentry is reachable. Its record may be evicted meanwhile.
    pub(super) fn defer(&mut self, delivery: Delivery, outbox: &Outbox) {
        if delivery.is_evictable() {
            delivery
                .claims
                .all()
                .iter()
                .for_each(|claim| outbox.defer(claim));
        }
        self.deferred.insert(delivery.order, delivery);
    }

    /// Takes the next deferred delivery.
    pub(super) fn resume(&mut self) -> Option<Delivery> {
        loop {
            let (_, delivery) = self.deferred.pop_first()?;
            if !delivery.is_evictable() || delivery.claims.all().iter().all(Claim::resume) {
                return Some(delivery);
            }
        }
    }

    /// Removes deferred deliveries of evicted records.
    pub(super) fn remove_evicted(&mut self) {
        self.deferred.retain(|_, delivery| {
            !delivery.is_evictable() || delivery.claims.all().iter().all(Claim::is_deferred)
        });
    }

    /// The rest of the rate limit for `category`, if there is one.
    pub(super) fn rate_limit(&self, category: Option<Category>) -> Option<Duration> {
        self.shared.rate_limit(self.slot, category)
    }
}

/// The DSN of a record: the one stored with it, else that of the envelope's header.
pub(in crate::sentry) fn dsn_of(stored: &[u8], envelope: &Envelope<'_>) -> Option<Dsn> {
    Dsn::parse(&dsn_text(stored, envelope)?).ok()
}

/// The text of [`dsn_of`], which may be none.
pub(super) fn dsn_text<'a>(stored: &'a [u8], envelope: &Envelope<'_>) -> Option<Cow<'a, str>> {
    match stored {
        [] => envelope.text("dsn").map(Cow::Owned),
        stored => std::str::from_utf8(stored).ok().map(Cow::Borrowed),
    }
}

/// The hash of a DSN's text, the same in every process.
#[inline]
pub(in crate::sentry) fn hash(text: &[u8]) -> u64 {
    outbox::hash(text)
}

#[cfg(test)]
mod tests {
    use super::{super::delivery::Claims, *};
    use crate::{config::Settings, sentry::outbox::Capacity};

    #[test]
    fn deferred_deliveries_resume_by_priority_then_age() {
        let capacity = Capacity {
            bytes: 1 << 20,
            records: 100,
        };
        let (outbox, _) = Outbox::open(None, capacity);
        let first = Arc::new(SharedState::open(None).unwrap());
        let dsn = Dsn::parse("https://k@host/1").unwrap();
        let mut project = Project::new(dsn, &first, &Settings::default().sentry).unwrap();
        for _ in 0..3 {
            outbox.push(Priority::Critical, b"", b"e", 1).unwrap();
            outbox.push(Priority::Lowest, b"", b"r", 1).unwrap();
        }
        let mut deliveries: Vec<Delivery> = (1..=6)
            .map(|number| {
                let priority = [Priority::Critical, Priority::Lowest][number as usize % 2];
                Delivery {
                    claims: Claims::new(vec![outbox.claim(priority).unwrap()], 1),
                    body: None,
                    attempts: 0,
                    accepted_ms: 1,
                    order: (priority, number),
                }
            })
            .collect();
        deliveries.rotate_left(2);
        deliveries.swap(0, 3);
        deliveries
            .into_iter()
            .for_each(|delivery| project.defer(delivery, &outbox));
        // The oldest replay is evicted for an event.
        let evicted = project
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
        assert!(!evicted.is_deferred());
        project.remove_evicted();
        let numbers: Vec<u64> = std::iter::from_fn(|| project.resume())
            .map(|delivery| delivery.order.1)
            .collect();
        assert_eq!(numbers, [2, 4, 6, 3, 5]);
    }
}
