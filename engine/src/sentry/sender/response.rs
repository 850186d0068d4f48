//! From the outcome of a request to the end of its delivery: settled, retried, a dead letter, or a loss.

use std::{sync::Arc, time::Instant};

use super::{CompletedRequest, Sender, client::Outcome, delivery::Delivery};
use crate::{
    Error,
    failpoint::{FailPoint, reach},
    host::clock,
    metrics::sentry::{PROCESSING_DURATION, REQUEST_DURATION},
    sentry::{
        Sentry,
        dead_letters::{Cause, DeadLetters},
        outbox::{Claim, Record},
        protocol::{category::DiscardReason, envelope::Envelope},
        reachability,
        shared_state::Count,
    },
    threads::blocking,
};

const TOO_OLD: &str = "it is older than sentry.retry.max_age";

impl Sender {
    /// Processes a response, or the error in its place.
    pub(super) fn complete(&mut self, request: CompletedRequest) {
        let CompletedRequest {
            project: key,
            delivery,
            reported,
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
        let name = project.dsn.to_string();
        match response.outcome {
            Outcome::Delivered => {
                if self.sentry.logs_at(log::Level::Info)
                    && log::max_level() >= log::LevelFilter::Info
                {
                    log_sent(&delivery, response.status);
                }
                reach(FailPoint::OutboxSent);
                self.sentry.finish_delivery(&delivery, Count::Sent);
            }
            Outcome::RateLimited => {
                if self.sentry.logs_at(log::Level::Warn) {
                    log::warn!(target: "pillion::sentry", project = name.as_str(); "rate limited by Sentry");
                }
                self.sentry.finish_delivery(&delivery, Count::RateLimited);
            }
            Outcome::Rejected(status, text) => {
                if self.sentry.logs_at(log::Level::Error) {
                    log::error!(target: "pillion::sentry", project = name.as_str(), status_code = status, answer = text.as_str(); "envelope rejected by Sentry");
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

    /// Gives up a delivery that was queued for too long.
    pub(super) fn expire(&mut self, key: &str, delivery: Delivery) {
        let project = self.projects.get(key);
        let error = project.and_then(|project| project.last_error.as_deref());
        let why = match error {
            Some(error) => format!("{TOO_OLD}; {error}"),
            None => TOO_OLD.to_owned(),
        };
        self.give_up(key, delivery, &why, false);
    }

    /// Makes a delivery a dead letter, or a loss if those are off. `connection`: only the connection was at fault.
    fn give_up(&mut self, key: &str, delivery: Delivery, why: &str, connection: bool) {
        let sentry = Arc::clone(&self.sentry);
        let dead_letters = sentry.dead_letters.clone();
        let Some(dead_letters) = dead_letters.filter(|_| sentry.settings.dead_letter_queue) else {
            self.record_lost_delivery(key, &delivery, DiscardReason::NetworkError);
            sentry.finish_delivery(&delivery, Count::Failed);
            return sentry.log_given_up(delivery.attempts, why, false);
        };
        let (key, why) = (key.to_owned(), why.to_owned());
        let task = blocking(move || {
            let cause = Cause {
                reason: &why,
                connection,
            };
            sentry.write_dead_letter(&dead_letters, key, &delivery, cause);
        });
        self.blocking_tasks.spawn(async move {
            // Cancelled: the process ends. In any case the record stays in the outbox, for the next process.
            if let Err(error) = task.await
                && !matches!(error, Error::Cancelled(_))
            {
                log::error!(target: "pillion::sentry", error:%; "dead letter not written");
            }
        });
    }

    /// Records the items of a delivery as lost.
    fn record_lost_delivery(&self, key: &str, delivery: &Delivery, reason: DiscardReason) {
        let lose = |envelope: &[u8]| self.sentry.record_loss(reason, key.as_bytes(), envelope);
        match &delivery.body {
            Some(body) => lose(body),
            None => {
                let records = delivery.claims.all().iter().filter_map(Claim::read);
                records.for_each(|record| lose(&record.envelope));
            }
        }
    }
}

impl Sentry {
    /// Writes a dead letter, and records letters that were removed for it as lost. On a thread that may block.
    fn write_dead_letter(
        &self,
        dead_letters: &DeadLetters,
        key: String,
        delivery: &Delivery,
        cause: Cause<'_>,
    ) {
        let record = match &delivery.body {
            Some(body) => Some(Record {
                dsn: key.into_bytes(),
                envelope: body.to_vec(),
                accepted_ms: delivery.accepted_ms,
                attempts: delivery.attempts,
            }),
            None => delivery.claims.all().first().and_then(Claim::read),
        };
        let Some(record) = record else {
            return self.finish_delivery(delivery, Count::Torn);
        };
        match dead_letters.put(&record, cause, clock::unix_ms()) {
            Ok(removed) => {
                for letter in removed {
                    self.record_loss(
                        DiscardReason::CacheOverflow,
                        letter.metadata.dsn.as_bytes(),
                        &letter.envelope,
                    );
                }
                self.finish_delivery(delivery, Count::DeadLetters);
                self.log_given_up(delivery.attempts, cause.reason, true);
            }
            Err(error) => {
                log::error!(target: "pillion::sentry", error:%; "dead letter not written");
                self.record_loss(DiscardReason::NetworkError, &record.dsn, &record.envelope);
                self.finish_delivery(delivery, Count::Failed);
                self.log_given_up(delivery.attempts, cause.reason, false);
            }
        }
    }

    /// Logs the end of a delivery. `kept`: it is a dead letter, which is already written.
    fn log_given_up(&self, attempts: u32, why: &str, kept: bool) {
        if self.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = attempts, reason = why, kept = kept; "envelope given up");
        }
    }

    /// Finishes one envelope; with the last one of its records, counts and settles them.
    pub(super) fn finish_delivery(&self, delivery: &Delivery, count: Count) {
        let claims = delivery.claims.finish_one();
        self.shared.count(count, claims.len() as u64);
        if count == Count::Sent {
            let wait = clock::unix_ms().saturating_sub(delivery.accepted_ms);
            for _ in claims {
                self.shared.count(Count::WaitMillis, wait);
                PROCESSING_DURATION.observe(&[], wait as f64 / 1000.0);
            }
        }
        for claim in claims {
            self.outbox.settle(claim);
        }
    }
}

fn log_sent(delivery: &Delivery, status: Option<u16>) {
    for record in delivery.claims.all().iter().filter_map(Claim::read) {
        let id = Envelope::parse_object(&record.envelope)
            .ok()
            .and_then(|envelope| envelope.text("event_id"))
            .unwrap_or_default();
        log::info!(target: "pillion::sentry", event_id = id.as_str(), status_code = status.unwrap_or(0); "Event sent successfully");
    }
}
