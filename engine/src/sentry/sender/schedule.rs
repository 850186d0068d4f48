//! What is due: batches, deliveries that were deferred until Sentry is reachable, and client reports.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    REACHABILITY_POLL_INTERVAL, REPORT_INTERVAL, Sender,
    delivery::{Claims, Delivery},
    project::Project,
};
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
    /// When a batch, a ready or deferred delivery, or a client report is due next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let settings = &self.sentry.settings;
        let is_free = self.in_flight.len() < settings.workers;
        let (now, max_pause) = (Instant::now(), reachability::max_pause(settings));
        let deadlines = self.projects.values().flat_map(|project| {
            let sends_deferred = !project.deferred.is_empty() && !project.is_probing && is_free;
            let sends_ready = !project.ready.is_empty() && is_free;
            let next = || {
                let next = project.next_at(now, max_pause);
                match project.destination.is_down() {
                    // Another process may reach it earlier.
                    true => next
                        .max(project.next_poll)
                        .min(now + REACHABILITY_POLL_INTERVAL),
                    false => next,
                }
            };
            [
                project.batcher.next_due(settings.batch_timeout),
                sends_ready.then_some(self.last_work),
                sends_deferred.then(next),
                project.losses_since.map(|since| since + REPORT_INTERVAL),
            ]
        });
        deadlines.flatten().min()
    }

    /// Sends one delivery or client report that is due. Returns `false` if none is.
    pub(super) fn send_due(&mut self) -> bool {
        let now = Instant::now();
        let is_flushing = self.sentry.sender_state.is_flushing();
        let settings = &self.sentry.settings;
        let (size, timeout) = match is_flushing {
            true => (1, Duration::ZERO),
            false => (settings.batch_size, settings.batch_timeout),
        };
        let (drain, reports) = (settings.drain_interval, settings.send_client_reports);
        // If this process is killed, another one may probe after the lease.
        let (lease, max_pause) = (settings.connect_timeout, reachability::max_pause(settings));
        let (number, outbox) = (&mut self.deliveries, &self.sentry.outbox);
        let mut found = None;
        for (key, project) in &mut self.projects {
            for batch in project.batcher.take_due(size, timeout, now) {
                for delivery in deliveries_of(batch, number) {
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
                found = Some((Arc::clone(key), Some(delivery)));
                break;
            }
            if project.deferred.is_empty() || project.is_probing {
                if reports && !project.is_down() && report_is_due(project, is_flushing, now) {
                    found = Some((Arc::clone(key), None));
                    break;
                }
                continue;
            }
            if now < project.next_at(now, max_pause) {
                continue;
            }
            if project.destination.is_down() {
                if now < project.next_poll {
                    continue;
                }
                project.probe = project.destination.try_probe(lease);
                if project.probe.is_none() {
                    project.next_poll = now + REACHABILITY_POLL_INTERVAL;
                    continue;
                }
            }
            let Some(delivery) = project.resume() else {
                project.end_probe();
                continue;
            };
            project.is_probing = project.is_down();
            project.drain_at = now + drain;
            found = Some((Arc::clone(key), Some(delivery)));
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

    /// Sends a container, or a delivery that was deferred.
    fn resend(&mut self, key: &Arc<str>, delivery: Delivery) {
        let is_probing = self
            .projects
            .get(key)
            .is_some_and(|project| project.is_probing);
        let record = match &delivery.body {
            Some(_) => None,
            None => delivery.claims.all().first().and_then(Claim::read),
        };
        let body = delivery.body.clone();
        let bytes = match (&body, &record) {
            (Some(body), _) => body.as_slice(),
            (None, Some(record)) => record.envelope.as_slice(),
            (None, None) => return self.finish_unsent(key, &delivery, Count::Torn),
        };
        let Ok(envelope) = Envelope::parse(bytes) else {
            return self.finish_unsent(key, &delivery, Count::Failed);
        };
        // A deferred envelope may be batched with others now.
        if !is_probing
            && body.is_none()
            && let [claim] = delivery.claims.all()
            && let Some(project) = self.projects.get_mut(key)
            && project.batcher.add(claim, &envelope, Instant::now())
        {
            project.drain_at = Instant::now();
            return;
        }
        let has_dsn = record.as_ref().is_some_and(|record| !record.dsn.is_empty());
        self.dispatch(key, delivery, envelope, has_dsn);
    }

    /// Finishes a delivery without a request.
    fn finish_unsent(&mut self, key: &str, delivery: &Delivery, count: Count) {
        if let Some(project) = self.projects.get_mut(key) {
            project.end_probe();
        }
        self.sentry.finish_delivery(delivery, count);
    }
}

/// The deliveries of a batch, one for each of its envelopes.
fn deliveries_of(batch: Batch, number: &mut u64) -> Vec<Delivery> {
    let records = batch.claims.iter().filter_map(Claim::read);
    let (attempts, accepted_ms) = records
        .map(|record| (record.attempts, record.accepted_ms))
        .fold((0, u64::MAX), |a, b| (a.0.max(b.0), a.1.min(b.1)));
    let priority = batch.claims.first().map_or(Priority::Low, Claim::priority);
    let claims = Claims::new(batch.claims, batch.envelopes.len());
    let delivery = |envelope| {
        *number += 1;
        Delivery {
            order: (priority, *number),
            claims: claims.clone(),
            body: Some(Arc::new(envelope)),
            attempts,
            accepted_ms,
        }
    };
    batch.envelopes.into_iter().map(delivery).collect()
}

/// Whether losses have waited long enough for an envelope that carries them.
fn report_is_due(project: &mut Project, is_flushing: bool, now: Instant) -> bool {
    if !project.shared.has_losses(project.slot) {
        project.losses_since = None;
        return false;
    }
    let since = *project.losses_since.get_or_insert(now);
    let failed_at = project.report_failed_at;
    let at_once = is_flushing && failed_at.is_none_or(|at| now >= at + REPORT_INTERVAL);
    (at_once || now >= since + REPORT_INTERVAL)
        && project.rate_limit(Some(Category::Internal)).is_none()
}
