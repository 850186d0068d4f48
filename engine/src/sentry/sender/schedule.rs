//! What has waited long enough: batches, those that had to wait for Sentry, and reports of losses.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::project::{Claims, Delivery, Project};
use super::{REACHABILITY_POLL_INTERVAL, REPORT_INTERVAL, Sender};
use crate::sentry::{
    outbox::Claim,
    protocol::{
        batcher::Batch,
        category::{Category, Priority},
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
        for (key, project) in &mut self.projects {
            for batch in project.batches.take_due(size, timeout, now) {
                for delivery in deliveries_of(batch, turns) {
                    if project.is_down() {
                        project.defer(delivery, outbox);
                    } else {
                        project.ready.push_back(delivery);
                    }
                }
            }
            if project.is_down() {
                for delivery in std::mem::take(&mut project.ready) {
                    project.defer(delivery, outbox);
                }
            }
            if let Some(delivery) = project.ready.pop_front() {
                found = Some((key.clone(), Some(delivery)));
                break;
            }
            if project.deferred.is_empty() || project.probing {
                if reports && !project.is_down() && report_is_due(project, hurried, now) {
                    found = Some((key.clone(), None));
                    break;
                }
                continue;
            }
            if now < project.next_at(now, ceiling) {
                continue;
            }
            if project.destination.is_down() {
                if now < project.look_at {
                    continue;
                }
                project.probe = project.destination.probe(lease);
                if project.probe.is_none() {
                    project.look_at = now + REACHABILITY_POLL_INTERVAL;
                    continue;
                }
            }
            let Some(delivery) = project.resume() else {
                project.end_probe();
                continue;
            };
            project.probing = project.is_down();
            project.drain_at = now + drain;
            found = Some((key.clone(), Some(delivery)));
            break;
        }
        match found {
            Some((key, Some(delivery))) => {
                self.resend(&key, delivery);
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
    pub(super) fn resend(&mut self, key: &str, delivery: Delivery) {
        let probing = self
            .projects
            .get(key)
            .is_some_and(|project| project.probing);
        let record = match &delivery.made {
            Some(_) => None,
            None => delivery.claims.all().first().and_then(Claim::read),
        };
        let made = delivery.made.clone();
        let bytes = match (&made, &record) {
            (Some(made), _) => made.as_slice(),
            (None, Some(record)) => record.envelope.as_slice(),
            (None, None) => return self.finish_unsent(key, &delivery, Count::Torn),
        };
        let Ok(envelope) = Envelope::parse(bytes) else {
            return self.finish_unsent(key, &delivery, Count::Failed);
        };
        // One that waited alone may have company now.
        if !probing
            && made.is_none()
            && let [claim] = delivery.claims.all()
            && let Some(project) = self.projects.get_mut(key)
            && project.batches.add(claim, &envelope, Instant::now())
        {
            project.drain_at = Instant::now();
            return;
        }
        let has_dsn = record.as_ref().is_some_and(|record| !record.dsn.is_empty());
        self.dispatch(key, delivery, envelope, has_dsn);
    }

    /// It came to its end without a request.
    pub(super) fn finish_unsent(&mut self, key: &str, delivery: &Delivery, as_what: Count) {
        if let Some(project) = self.projects.get_mut(key) {
            project.end_probe();
        }
        self.finish(delivery, as_what);
    }
}

/// The envelopes of a batch.
fn deliveries_of(batch: Batch, turns: &mut u64) -> Vec<Delivery> {
    let records = batch.claims.iter().filter_map(Claim::read);
    let (attempts, accepted_ms) = records
        .map(|record| (record.attempts, record.accepted_ms))
        .fold((0, u64::MAX), |a, b| (a.0.max(b.0), a.1.min(b.1)));
    let priority = batch.claims.first().map_or(Priority::Low, Claim::priority);
    let claims = Claims::new(batch.claims, batch.envelopes.len());
    let delivery = |envelope| {
        *turns += 1;
        Delivery {
            turn: (priority, *turns),
            claims: claims.clone(),
            made: Some(Arc::new(envelope)),
            attempts,
            accepted_ms,
        }
    };
    batch.envelopes.into_iter().map(delivery).collect()
}

/// Whether losses have waited long enough for a carrier.
fn report_is_due(project: &mut Project, hurried: bool, now: Instant) -> bool {
    if !project.shared.has_losses(project.slot) {
        project.lost_since = None;
        return false;
    }
    let since = *project.lost_since.get_or_insert(now);
    let hurried = hurried
        && project
            .report_refused
            .is_none_or(|at| now >= at + REPORT_INTERVAL);
    (hurried || now >= since + REPORT_INTERVAL)
        && project.limited(Some(Category::Internal)).is_none()
}
