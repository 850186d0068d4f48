//! From the outcome of a request to the next step of its delivery: finished, deferred, retried or given up.

use std::{sync::Arc, time::Instant};

use super::{CompletedRequest, Sender, client::Outcome, delivery::Delivery};
use crate::{
    failpoint::failpoint,
    metrics::sentry::REQUEST_DURATION,
    sentry::{outbox::Claim, protocol::category::DiscardReason, reachability, shared_state::Count},
};

impl Sender {
    /// Processes a response, or the error in its place.
    pub(super) fn complete(&mut self, request: CompletedRequest) {
        let CompletedRequest {
            project: key,
            delivery,
            reported,
            event_id,
            is_probe,
            probe,
            response,
        } = request;
        self.sentry.sender_state.request_finished();
        let shared = Arc::clone(&self.sentry.shared);
        let Some(project) = self.projects.get_mut(&key) else {
            return;
        };
        let mut all_limited = false;
        for limit in &response.limits {
            all_limited |= limit.category.is_none();
            project
                .shared
                .set_rate_limit(project.slot, limit.category, limit.duration);
        }
        if is_probe {
            project.end_probe();
        }
        shared.count(Count::Bytes, response.bytes);
        if response.status.is_some() {
            shared.count(Count::Requests, 1);
            shared.count(Count::SendMicros, response.took.as_micros() as u64);
            REQUEST_DURATION.observe(&[], response.took.as_secs_f64());
        }
        if !matches!(
            response.outcome,
            Outcome::Unanswered(_) | Outcome::Unreachable(_)
        ) {
            let was_down = project.backoff_until.take().is_some();
            project.failures = 0;
            project.last_error = None;
            if project.destination.record_answer() || was_down {
                log::info!(target: "pillion::sentry", project:% = project.dsn; "Sentry reachable again");
            }
        }
        let report_failed = match response.outcome {
            Outcome::Delivered => false,
            Outcome::RateLimited => all_limited,
            Outcome::Rejected(..) | Outcome::Unanswered(_) | Outcome::Unreachable(_) => true,
        };
        if delivery.is_report() {
            project.report_failed_at = report_failed.then(Instant::now);
        }
        if report_failed {
            for loss in reported {
                project.shared.restore_loss(project.slot, loss);
            }
        }
        match response.outcome {
            Outcome::Delivered => {
                if let Some(id) = event_id {
                    let status = response.status.unwrap_or(0);
                    log::info!(target: "pillion::sentry", event_id = id.as_str(), status_code = status; "Event sent successfully");
                }
                failpoint!("outbox.sent");
                self.sentry.finish_delivery(&delivery, Count::Sent);
            }
            Outcome::RateLimited => {
                if self.sentry.logs_at(log::Level::Warn) {
                    log::warn!(target: "pillion::sentry", project:% = project.dsn; "rate limited by Sentry");
                }
                self.sentry.finish_delivery(&delivery, Count::RateLimited);
            }
            Outcome::Rejected(status, text) => {
                if self.sentry.logs_at(log::Level::Error) {
                    log::error!(target: "pillion::sentry", project:% = project.dsn, status_code = status, answer = text.as_str(); "envelope rejected by Sentry");
                }
                self.record_lost_delivery(&key, &delivery, DiscardReason::SendError);
                self.sentry.finish_delivery(&delivery, Count::Failed);
            }
            Outcome::Unreachable(why) => {
                self.defer_unreachable(&key, delivery, &why, probe.is_some())
            }
            Outcome::Unanswered(why) => self.retry_unanswered(&key, delivery, &why, is_probe),
        }
        // Only now may others probe: the host knows the result of this probe.
        drop(probe);
    }

    /// Sentry can't be reached from this host, which is not the fault of the envelope: it is deferred, and no attempt
    /// is counted.
    fn defer_unreachable(&mut self, key: &str, delivery: Delivery, why: &str, is_probe: bool) {
        let sentry = Arc::clone(&self.sentry);
        let Some(project) = self.projects.get_mut(key) else {
            return;
        };
        let is_first = project
            .destination
            .record_failure(is_probe, &sentry.settings);
        if is_first && sentry.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project:% = project.dsn, error = why; "Sentry unreachable: envelopes wait");
        }
        project.last_error = Some(why.to_owned());
        if !delivery.is_report() {
            sentry.shared.count(Count::Retries, 1);
            project.defer(delivery, &sentry.outbox);
        }
    }

    /// Sentry was reached and did not answer: all deliveries of the project wait, and one at a time is retried.
    fn retry_unanswered(&mut self, key: &str, mut delivery: Delivery, why: &str, is_probe: bool) {
        let settings = &self.sentry.settings;
        let Some(project) = self.projects.get_mut(key) else {
            return;
        };
        if project.backoff_until.is_none() && self.sentry.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project:% = project.dsn, error = why; "Sentry unreachable: envelopes wait");
        }
        // Requests that were in flight at the same time failed for the same reason and count once.
        if is_probe || project.backoff_until.is_none() {
            let pause =
                reachability::pause(settings, project.failures.into(), settings.max_backoff);
            project.failures += 1;
            project.backoff_until = Some(Instant::now() + pause);
        }
        // The destination is up again only when it has answered.
        if is_probe && project.destination.is_down() {
            project.destination.record_failure(true, settings);
        }
        if delivery.is_report() {
            return;
        }
        delivery.attempts += 1;
        delivery.claims.all().iter().for_each(Claim::count_attempt);
        if delivery.attempts >= self.sentry.settings.max_attempts {
            self.give_up(key, delivery, why, true);
        } else {
            self.sentry.shared.count(Count::Retries, 1);
            project.defer(delivery, &self.sentry.outbox);
        }
    }
}
