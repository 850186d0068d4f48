//! What an answer means for an envelope: its end, another try, a dead letter or a loss.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{CompletedRequest, Sender};
use super::{client::Outcome, project::Delivery};
use crate::{
    Error,
    failpoint::{FailPoint, reach},
    host::clock,
    metrics::sentry::{PROCESSING_DURATION, REQUEST_DURATION},
    sentry::{
        Sentry,
        dead_letters::Cause,
        outbox::{Claim, Record},
        protocol::{category::DiscardReason, envelope::Envelope},
        reachability,
        shared_state::Count,
    },
    threads::blocking,
};

const TOO_OLD: &str = "it is older than sentry.retry.max_age";

impl Sender {
    /// An answer came, or none will.
    pub(super) fn settle(&mut self, done: CompletedRequest) {
        let CompletedRequest {
            project: key,
            delivery,
            carried,
            is_probe,
            probe,
            answer,
        } = done;
        self.sentry.under_way.fetch_sub(1, Ordering::SeqCst);
        let shared = Arc::clone(&self.sentry.shared);
        let Some(project) = self.projects.get_mut(&key) else {
            return;
        };
        let mut silent = false;
        for limit in &answer.limits {
            silent |= limit.category.is_none();
            project
                .shared
                .limit(project.slot, limit.category, limit.duration);
        }
        if is_probe {
            project.end_probe();
        }
        shared.count(Count::Bytes, answer.bytes);
        if answer.status.is_some() {
            shared.count(Count::Requests, 1);
            shared.count(Count::SendMicros, answer.took.as_micros() as u64);
            REQUEST_DURATION.observe(&[], answer.took.as_secs_f64());
        }
        if !matches!(
            answer.outcome,
            Outcome::Trouble(_) | Outcome::Unreachable(_)
        ) {
            let was_down = project.down_until.take().is_some();
            project.failures = 0;
            project.trouble = None;
            if project.destination.answer() || was_down {
                log::info!(target: "pillion::sentry", project = project.dsn.to_string().as_str(); "Sentry is back");
            }
        }
        let restore = match answer.outcome {
            Outcome::Delivered => false,
            Outcome::Limited => silent,
            Outcome::Refused(..) | Outcome::Trouble(_) | Outcome::Unreachable(_) => true,
        };
        if delivery.claims.all().is_empty() {
            project.report_refused = restore.then(Instant::now);
        }
        if restore {
            for loss in carried {
                project.shared.put_back(project.slot, loss);
            }
        }
        let shown = project.dsn.to_string();
        match answer.outcome {
            Outcome::Delivered => {
                if self.sentry.logs_at(log::Level::Info)
                    && log::max_level() >= log::LevelFilter::Info
                {
                    self.log_sent(&delivery, answer.status);
                }
                reach(FailPoint::OutboxSent);
                self.finish(&delivery, Count::Sent);
            }
            Outcome::Limited => {
                if self.sentry.logs_at(log::Level::Warn) {
                    log::warn!(target: "pillion::sentry", project = shown.as_str(); "Sentry wants silence");
                }
                self.finish(&delivery, Count::RateLimited);
            }
            Outcome::Refused(status, text) => {
                if self.sentry.logs_at(log::Level::Error) {
                    log::error!(target: "pillion::sentry", project = shown.as_str(), status_code = status, answer = text.as_str(); "Sentry refuses an envelope");
                }
                self.record_lost_delivery(&key, &delivery, DiscardReason::SendError);
                self.finish(&delivery, Count::Failed);
            }
            Outcome::Unreachable(why) => self.unreachable(&key, delivery, &why, probe.is_some()),
            Outcome::Trouble(why) => self.trouble(&key, delivery, &why, is_probe),
        }
        // Others may probe from here on, when the host knows what this one has found.
        drop(probe);
    }

    /// The host can't reach Sentry, which is no fault of the envelope's: it waits, and no try counts.
    fn unreachable(&mut self, key: &str, delivery: Delivery, why: &str, is_probe: bool) {
        let sentry = Arc::clone(&self.sentry);
        let Some(project) = self.projects.get_mut(key) else {
            return;
        };
        if project.destination.fail(is_probe, &sentry.settings) && sentry.logs_at(log::Level::Warn)
        {
            log::warn!(target: "pillion::sentry", project = project.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        project.trouble = Some(why.to_owned());
        if !delivery.claims.all().is_empty() {
            sentry.shared.count(Count::Retries, 1);
            project.defer(delivery, &sentry.outbox);
        }
    }

    pub(super) fn log_sent(&self, delivery: &Delivery, status: Option<u16>) {
        for record in delivery.claims.all().iter().filter_map(Claim::read) {
            let id = Envelope::parse_object(&record.envelope)
                .ok()
                .and_then(|envelope| envelope.text("event_id"))
                .unwrap_or_default();
            log::info!(target: "pillion::sentry", event_id = id.as_str(), status_code = status.unwrap_or(0); "Event sent successfully");
        }
    }

    /// Sentry was reached, and did not answer: everything waits, and one at a time tries again.
    pub(super) fn trouble(&mut self, key: &str, mut delivery: Delivery, why: &str, is_probe: bool) {
        let settings = &self.sentry.settings;
        let Some(project) = self.projects.get_mut(key) else {
            return;
        };
        if project.down_until.is_none() && self.sentry.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project = project.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        // Several that were under way at the same time have met the same trouble.
        if is_probe || project.down_until.is_none() {
            let pause =
                reachability::pause(settings, project.failures.into(), settings.max_backoff);
            project.failures += 1;
            project.down_until = Some(Instant::now() + pause);
        }
        // Not before it has answered is the destination back.
        if is_probe && project.destination.is_down() {
            project.destination.fail(true, settings);
        }
        if delivery.claims.all().is_empty() {
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

    /// It waited for too long.
    pub(super) fn expire(&mut self, key: &str, delivery: Delivery) {
        let trouble = self
            .projects
            .get(key)
            .and_then(|project| project.trouble.as_deref());
        let why = match trouble {
            Some(trouble) => format!("{TOO_OLD}; {trouble}"),
            None => TOO_OLD.to_owned(),
        };
        self.give_up(key, delivery, &why, false);
    }

    /// No more tries: a dead letter, or a loss. With `connection` nothing but the way was at fault.
    pub(super) fn give_up(&mut self, key: &str, delivery: Delivery, why: &str, connection: bool) {
        let sentry = Arc::clone(&self.sentry);
        let letters = sentry
            .letters
            .clone()
            .filter(|_| sentry.settings.dead_letter_queue);
        let Some(letters) = letters else {
            self.record_lost_delivery(key, &delivery, DiscardReason::NetworkError);
            self.finish(&delivery, Count::Failed);
            return sentry.log_given_up(delivery.attempts, why, false);
        };
        let (key, why) = (key.to_owned(), why.to_owned());
        let chore = blocking(move || {
            let record = match (
                &delivery.made,
                delivery.claims.all().first().and_then(Claim::read),
            ) {
                (Some(made), _) => Some(Record {
                    dsn: key.into_bytes(),
                    envelope: made.to_vec(),
                    accepted_ms: delivery.accepted_ms,
                    attempts: delivery.attempts,
                }),
                (None, record) => record,
            };
            let cause = Cause {
                reason: &why,
                connection,
            };
            let outcome = record.map(|record| {
                let put = letters.put(&record, cause, clock::unix_ms());
                (record, put)
            });
            match outcome {
                Some((_, Ok(gone))) => {
                    for letter in gone {
                        sentry.lose(
                            DiscardReason::CacheOverflow,
                            letter.metadata.dsn.as_bytes(),
                            &letter.envelope,
                        );
                    }
                    sentry.finish_delivery(&delivery, Count::DeadLetters);
                    sentry.log_given_up(delivery.attempts, &why, true);
                }
                Some((record, Err(error))) => {
                    log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "dead letter can't be written");
                    sentry.lose(DiscardReason::NetworkError, &record.dsn, &record.envelope);
                    sentry.finish_delivery(&delivery, Count::Failed);
                    sentry.log_given_up(delivery.attempts, &why, false);
                }
                None => sentry.finish_delivery(&delivery, Count::Torn),
            }
        });
        self.blocking_tasks.spawn(async move {
            // Cancelled: the process ends. In either case the record stays in the outbox, for the next process.
            if let Err(error) = chore.await
                && !matches!(error, Error::Cancelled(_))
            {
                log::error!(target: "pillion::sentry", error:%; "dead letter can't be written");
            }
        });
    }

    pub(super) fn record_lost_delivery(
        &self,
        key: &str,
        delivery: &Delivery,
        reason: DiscardReason,
    ) {
        match &delivery.made {
            Some(made) => self.lose(reason, key.as_bytes(), made),
            None => {
                for record in delivery.claims.all().iter().filter_map(Claim::read) {
                    self.lose(reason, key.as_bytes(), &record.envelope);
                }
            }
        }
    }

    pub(super) fn lose(&self, reason: DiscardReason, dsn: &[u8], envelope: &[u8]) {
        self.sentry.lose(reason, dsn, envelope);
    }

    pub(super) fn finish(&self, delivery: &Delivery, as_what: Count) {
        self.sentry.finish_delivery(delivery, as_what);
    }
}

impl Sentry {
    /// Said when it is done: `kept` is true only of a letter that stands.
    fn log_given_up(&self, attempts: u32, why: &str, kept: bool) {
        if self.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = attempts, reason = why, kept = kept; "envelope given up");
        }
    }

    /// One envelope has its end; with the last one of its records they are settled.
    pub(super) fn finish_delivery(&self, delivery: &Delivery, as_what: Count) {
        let ended = delivery.claims.finish_one();
        self.shared.count(as_what, ended.len() as u64);
        if as_what == Count::Sent {
            let wait = clock::unix_ms().saturating_sub(delivery.accepted_ms);
            for _ in ended {
                self.shared.count(Count::WaitMillis, wait);
                PROCESSING_DURATION.observe(&[], wait as f64 / 1000.0);
            }
        }
        for claim in ended {
            self.outbox.settle(claim);
        }
    }
}
