//! What an answer means for an envelope: its end, another try, a dead letter or a loss.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{Done, Sender};
use super::{client::Outcome, destination::Work};
use crate::{
    Error,
    failpoint::{Place, reach},
    host::clock,
    metrics::sentry::{PROCESSING_DURATION, REQUEST_DURATION},
    sentry::{
        Sentry,
        dead_letters::Cause,
        outbox::{Claim, Record},
        protocol::{category::Reason, envelope::Envelope},
        reachability,
        shared_state::Count,
    },
    threads::blocking,
};

const TOO_OLD: &str = "it is older than sentry.retry.max_age";

impl Sender {
    /// An answer came, or none will.
    pub(super) fn settle(&mut self, done: Done) {
        let Done {
            target: key,
            work,
            carried,
            is_probe,
            probe,
            answer,
        } = done;
        self.sentry.under_way.fetch_sub(1, Ordering::SeqCst);
        let board = Arc::clone(&self.sentry.board);
        let Some(target) = self.targets.get_mut(&key) else {
            return;
        };
        let mut silent = false;
        for limit in &answer.limits {
            silent |= limit.category.is_none();
            target
                .board
                .limit(target.project, limit.category, limit.lasts);
        }
        if is_probe {
            target.end_probe();
        }
        board.count(Count::Bytes, answer.bytes);
        if answer.status.is_some() {
            board.count(Count::Requests, 1);
            board.count(Count::SendMicros, answer.took.as_micros() as u64);
            REQUEST_DURATION.observe(&[], answer.took.as_secs_f64());
        }
        if !matches!(
            answer.outcome,
            Outcome::Trouble(_) | Outcome::Unreachable(_)
        ) {
            let was_down = target.down_until.take().is_some();
            target.failures = 0;
            target.trouble = None;
            if target.route.answer() || was_down {
                log::info!(target: "pillion::sentry", project = target.dsn.to_string().as_str(); "Sentry is back");
            }
        }
        let restore = match answer.outcome {
            Outcome::Delivered => false,
            Outcome::Limited => silent,
            Outcome::Refused(..) | Outcome::Trouble(_) | Outcome::Unreachable(_) => true,
        };
        if work.claims.all().is_empty() {
            target.report_refused = restore.then(Instant::now);
        }
        if restore {
            for loss in carried {
                target.board.put_back(target.project, loss);
            }
        }
        let shown = target.dsn.to_string();
        match answer.outcome {
            Outcome::Delivered => {
                if self.sentry.speaks(log::Level::Info)
                    && log::max_level() >= log::LevelFilter::Info
                {
                    self.tell_sent(&work, answer.status);
                }
                reach(Place::OutboxSent);
                self.finish(&work, Count::Sent);
            }
            Outcome::Limited => {
                if self.sentry.speaks(log::Level::Warn) {
                    log::warn!(target: "pillion::sentry", project = shown.as_str(); "Sentry wants silence");
                }
                self.finish(&work, Count::RateLimited);
            }
            Outcome::Refused(status, text) => {
                if self.sentry.speaks(log::Level::Error) {
                    log::error!(target: "pillion::sentry", project = shown.as_str(), status_code = status, answer = text.as_str(); "Sentry refuses an envelope");
                }
                self.lose_work(&key, &work, Reason::SendError);
                self.finish(&work, Count::Failed);
            }
            Outcome::Unreachable(why) => self.unreachable(&key, work, &why, probe.is_some()),
            Outcome::Trouble(why) => self.trouble(&key, work, &why, is_probe),
        }
        // Others may probe from here on, when the host knows what this one has found.
        drop(probe);
    }

    /// The host can't reach Sentry, which is no fault of the envelope's: it waits, and no try counts.
    fn unreachable(&mut self, key: &str, work: Work, why: &str, is_probe: bool) {
        let sentry = Arc::clone(&self.sentry);
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.route.fail(is_probe, &sentry.settings) && sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project = target.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        target.trouble = Some(why.to_owned());
        if !work.claims.all().is_empty() {
            sentry.board.count(Count::Retries, 1);
            target.hold(work, &sentry.outbox);
        }
    }

    pub(super) fn tell_sent(&self, work: &Work, status: Option<u16>) {
        for record in work.claims.all().iter().filter_map(Claim::read) {
            let id = Envelope::of_object(&record.envelope)
                .ok()
                .and_then(|envelope| envelope.text("event_id"))
                .unwrap_or_default();
            log::info!(target: "pillion::sentry", event_id = id.as_str(), status_code = status.unwrap_or(0); "Event sent successfully");
        }
    }

    /// Sentry was reached, and did not answer: everything waits, and one at a time tries again.
    pub(super) fn trouble(&mut self, key: &str, mut work: Work, why: &str, is_probe: bool) {
        let settings = &self.sentry.settings;
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.down_until.is_none() && self.sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project = target.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        // Several that were under way at the same time have met the same trouble.
        if is_probe || target.down_until.is_none() {
            let pause = reachability::pause(settings, target.failures.into(), settings.max_backoff);
            target.failures += 1;
            target.down_until = Some(Instant::now() + pause);
        }
        // Not before it has answered is the destination back.
        if is_probe && target.route.is_down() {
            target.route.fail(true, settings);
        }
        if work.claims.all().is_empty() {
            return;
        }
        work.attempts += 1;
        work.claims.all().iter().for_each(Claim::note_attempt);
        if work.attempts >= self.sentry.settings.max_attempts {
            self.give_up(key, work, why, true);
        } else {
            self.sentry.board.count(Count::Retries, 1);
            target.hold(work, &self.sentry.outbox);
        }
    }

    /// It waited for too long.
    pub(super) fn expire(&mut self, key: &str, work: Work) {
        let trouble = self
            .targets
            .get(key)
            .and_then(|target| target.trouble.as_deref());
        let why = match trouble {
            Some(trouble) => format!("{TOO_OLD}; {trouble}"),
            None => TOO_OLD.to_owned(),
        };
        self.give_up(key, work, &why, false);
    }

    /// No more tries: a dead letter, or a loss. With `connection` nothing but the way was at fault.
    pub(super) fn give_up(&mut self, key: &str, work: Work, why: &str, connection: bool) {
        let sentry = Arc::clone(&self.sentry);
        let letters = sentry
            .letters
            .clone()
            .filter(|_| sentry.settings.dead_letter_queue);
        let Some(letters) = letters else {
            self.lose_work(key, &work, Reason::NetworkError);
            self.finish(&work, Count::Failed);
            return sentry.log_given_up(work.attempts, why, false);
        };
        let (key, why) = (key.to_owned(), why.to_owned());
        let chore = blocking(move || {
            let record = match (&work.made, work.claims.all().first().and_then(Claim::read)) {
                (Some(made), _) => Some(Record {
                    dsn: key.into_bytes(),
                    envelope: made.to_vec(),
                    accepted_ms: work.accepted_ms,
                    attempts: work.attempts,
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
                            Reason::CacheOverflow,
                            letter.why.dsn.as_bytes(),
                            &letter.envelope,
                        );
                    }
                    sentry.end_work(&work, Count::DeadLetters);
                    sentry.log_given_up(work.attempts, &why, true);
                }
                Some((record, Err(error))) => {
                    log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "dead letter can't be written");
                    sentry.lose(Reason::NetworkError, &record.dsn, &record.envelope);
                    sentry.end_work(&work, Count::Failed);
                    sentry.log_given_up(work.attempts, &why, false);
                }
                None => sentry.end_work(&work, Count::Torn),
            }
        });
        self.chores.spawn(async move {
            // Cancelled: the process ends. In either case the record stays in the outbox, for the next process.
            if let Err(error) = chore.await
                && !matches!(error, Error::Cancelled(_))
            {
                log::error!(target: "pillion::sentry", error:%; "dead letter can't be written");
            }
        });
    }

    pub(super) fn lose_work(&self, key: &str, work: &Work, reason: Reason) {
        match &work.made {
            Some(made) => self.lose(reason, key.as_bytes(), made),
            None => {
                for record in work.claims.all().iter().filter_map(Claim::read) {
                    self.lose(reason, key.as_bytes(), &record.envelope);
                }
            }
        }
    }

    pub(super) fn lose(&self, reason: Reason, dsn: &[u8], envelope: &[u8]) {
        self.sentry.lose(reason, dsn, envelope);
    }

    pub(super) fn finish(&self, work: &Work, as_what: Count) {
        self.sentry.end_work(work, as_what);
    }
}

impl Sentry {
    /// Said when it is done: `kept` is true only of a letter that stands.
    fn log_given_up(&self, attempts: u32, why: &str, kept: bool) {
        if self.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = attempts, reason = why, kept = kept; "envelope given up");
        }
    }

    /// One envelope has its end; with the last one of its records they are settled.
    pub(super) fn end_work(&self, work: &Work, as_what: Count) {
        let ended = work.claims.end_one();
        self.board.count(as_what, ended.len() as u64);
        if as_what == Count::Sent {
            let wait = clock::unix_ms().saturating_sub(work.accepted_ms);
            for _ in ended {
                self.board.count(Count::WaitMillis, wait);
                PROCESSING_DURATION.observe(&[], wait as f64 / 1000.0);
            }
        }
        for claim in ended {
            self.outbox.settle(claim);
        }
    }
}
