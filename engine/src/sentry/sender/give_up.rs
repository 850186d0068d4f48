//! The end of a delivery: settled, a dead letter, or a loss. Dead letters are written on threads that may block.

use std::sync::Arc;

use super::{Sender, delivery::Delivery};
use crate::{
    Error,
    host::clock,
    metrics::sentry::PROCESSING_DURATION,
    sentry::{
        Sentry,
        dead_letters::{Cause, DeadLetters},
        outbox::{Claim, Record},
        protocol::category::DiscardReason,
        shared_state::Count,
    },
    threads::blocking,
};

const TOO_OLD: &str = "it is older than sentry.retry.max_age";

impl Sender {
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
    pub(super) fn give_up(&mut self, key: &str, delivery: Delivery, why: &str, connection: bool) {
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
    pub(super) fn record_lost_delivery(
        &self,
        key: &str,
        delivery: &Delivery,
        reason: DiscardReason,
    ) {
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

    /// Logs the end of a delivery. `is_dead_letter`: its dead letter is already written.
    fn log_given_up(&self, attempts: u32, why: &str, is_dead_letter: bool) {
        if self.logs_at(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = attempts, reason = why, dead_letter = is_dead_letter; "envelope given up");
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
