//! What has waited long enough: batches, those that had to wait for Sentry, and reports of losses.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::destination::{Claims, Target, Work};
use super::{LOOK_AGAIN, REPORT, Sender};
use crate::sentry::{
    outbox::Claim,
    protocol::{
        batcher::Batch,
        category::{Category, Class},
        envelope::Envelope,
    },
    reachability,
    shared_state::Count,
};

impl Sender {
    /// What has waited long enough: batches, reports, and those that wait for Sentry to come back.
    pub(super) fn send_due(&mut self) -> bool {
        let now = Instant::now();
        let hurried = self.sentry.flushing.load(Ordering::SeqCst) > 0;
        let settings = &self.sentry.settings;
        let (size, timeout) = match hurried {
            true => (1, Duration::ZERO),
            false => (settings.batch_size, settings.batch_timeout),
        };
        let (drain, reports) = (settings.drain_interval, settings.send_client_reports);
        // Of a process that is killed meanwhile; afterwards another one may.
        let (lease, ceiling) = (settings.connect_timeout, reachability::ceiling(settings));
        let (turns, outbox) = (&mut self.turns, &self.sentry.outbox);
        let mut found = None;
        for (key, target) in &mut self.targets {
            for batch in target.batches.ripe(size, timeout, now) {
                for work in works_of(batch, turns) {
                    if target.is_down() {
                        target.hold(work, outbox);
                    } else {
                        target.fresh.push_back(work);
                    }
                }
            }
            if target.is_down() {
                for work in std::mem::take(&mut target.fresh) {
                    target.hold(work, outbox);
                }
            }
            if let Some(work) = target.fresh.pop_front() {
                found = Some((key.clone(), Some(work)));
                break;
            }
            if target.held.is_empty() || target.probing {
                if reports && !target.is_down() && report_is_due(target, hurried, now) {
                    found = Some((key.clone(), None));
                    break;
                }
                continue;
            }
            if now < target.next_at(now, ceiling) {
                continue;
            }
            if target.route.is_down() {
                if now < target.look_at {
                    continue;
                }
                target.probe = target.route.probe(lease);
                if target.probe.is_none() {
                    target.look_at = now + LOOK_AGAIN;
                    continue;
                }
            }
            let Some(work) = target.resume() else {
                target.end_probe();
                continue;
            };
            target.probing = target.is_down();
            target.drain_at = now + drain;
            found = Some((key.clone(), Some(work)));
            break;
        }
        match found {
            Some((key, Some(work))) => {
                self.send_again(&key, work);
                true
            }
            Some((key, None)) => {
                self.send_report(&key);
                true
            }
            None => false,
        }
    }

    /// Sends what is no fresh record: a batch, or one that had to wait.
    pub(super) fn send_again(&mut self, key: &str, work: Work) {
        let probing = self.targets.get(key).is_some_and(|target| target.probing);
        let record = match &work.made {
            Some(_) => None,
            None => work.claims.all().first().and_then(Claim::read),
        };
        let made = work.made.clone();
        let bytes = match (&made, &record) {
            (Some(made), _) => made.as_slice(),
            (None, Some(record)) => record.envelope.as_slice(),
            (None, None) => return self.end_unsent(key, &work, Count::Torn),
        };
        let Ok(envelope) = Envelope::parse(bytes) else {
            return self.end_unsent(key, &work, Count::Failed);
        };
        // One that waited alone may have company now.
        if !probing
            && made.is_none()
            && let [claim] = work.claims.all()
            && let Some(target) = self.targets.get_mut(key)
            && target.batches.gather(claim, &envelope, Instant::now())
        {
            target.drain_at = Instant::now();
            return;
        }
        let has_dsn = record.as_ref().is_some_and(|record| !record.dsn.is_empty());
        self.dispatch(key, work, envelope, has_dsn);
    }

    /// It came to its end without a request.
    pub(super) fn end_unsent(&mut self, key: &str, work: &Work, as_what: Count) {
        if let Some(target) = self.targets.get_mut(key) {
            target.end_probe();
        }
        self.finish(work, as_what);
    }
}

/// The envelopes of a batch.
fn works_of(batch: Batch, turns: &mut u64) -> Vec<Work> {
    let records = batch.claims.iter().filter_map(Claim::read);
    let (attempts, accepted_ms) = records
        .map(|record| (record.attempts, record.accepted_ms))
        .fold((0, u64::MAX), |a, b| (a.0.max(b.0), a.1.min(b.1)));
    let class = batch.claims.first().map_or(Class::Low, Claim::class);
    let claims = Claims::new(batch.claims, batch.envelopes.len());
    let work = |envelope| {
        *turns += 1;
        Work {
            turn: (class, *turns),
            claims: claims.clone(),
            made: Some(Arc::new(envelope)),
            attempts,
            accepted_ms,
        }
    };
    batch.envelopes.into_iter().map(work).collect()
}

/// Whether losses have waited long enough for a carrier.
fn report_is_due(target: &mut Target, hurried: bool, now: Instant) -> bool {
    if !target.board.has_losses(target.project) {
        target.lost_since = None;
        return false;
    }
    let since = *target.lost_since.get_or_insert(now);
    let hurried = hurried && target.report_refused.is_none_or(|at| now >= at + REPORT);
    (hurried || now >= since + REPORT) && target.limited(Some(Category::Internal)).is_none()
}
