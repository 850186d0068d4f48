//! What an answer means for an envelope: its end, another try, a dead letter or a loss.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Done, LATER, Sender};
use crate::{
    Error,
    failpoint::{Place, reach},
    host::clock,
    metrics::sentry::{PROCESSING_DURATION, REQUEST_DURATION},
    sentry::{
        Sentry,
        board::Count,
        category::Reason,
        client::Outcome,
        envelope::Envelope,
        outbox::{Claim, Record},
        target::Work,
    },
    threads::blocking,
};

impl Sender {
    /// An answer came, or none will.
    pub(super) fn settle(&mut self, done: Done) {
        let Done {
            target: key,
            work,
            carried,
            is_probe,
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
        target.probing &= !is_probe;
        board.count(Count::Bytes, answer.bytes);
        if answer.status.is_some() {
            board.count(Count::Requests, 1);
            board.count(Count::SendMicros, answer.took.as_micros() as u64);
            REQUEST_DURATION.observe(&[], answer.took.as_secs_f64());
        }
        if !matches!(answer.outcome, Outcome::Trouble(_)) {
            let was_down = target.down_until.take().is_some();
            target.failures = 0;
            if was_down {
                log::info!(target: "pillion::sentry", project = target.dsn.to_string().as_str(); "Sentry is back");
            }
        }
        let restore = match answer.outcome {
            Outcome::Delivered => false,
            Outcome::Limited => silent,
            Outcome::Refused(..) | Outcome::Trouble(_) => true,
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
            Outcome::Trouble(why) => self.trouble(&key, work, &why, is_probe),
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

    /// Connection trouble: everything waits, and one at a time tries again.
    pub(super) fn trouble(&mut self, key: &str, mut work: Work, why: &str, is_probe: bool) {
        let pause = self.pause_after(key);
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.down_until.is_none() && self.sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project = target.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        // Several that were under way at the same time have met the same trouble.
        if is_probe || target.down_until.is_none() {
            target.failures += 1;
            target.down_until = Some(Instant::now() + pause);
        }
        if work.claims.all().is_empty() {
            return;
        }
        work.attempts += 1;
        work.claims.all().iter().for_each(Claim::note_attempt);
        if work.attempts >= self.sentry.settings.max_attempts {
            self.give_up(key, work, why);
        } else {
            self.sentry.board.count(Count::Retries, 1);
            target.hold(work, &self.sentry.outbox);
        }
    }

    /// A random part of the ceiling, which grows with each failure in a row.
    pub(super) fn pause_after(&self, key: &str) -> Duration {
        let settings = &self.sentry.settings;
        let failures = self.targets.get(key).map_or(0, |target| target.failures);
        let growth = settings
            .backoff_multiplier
            .powi(i32::try_from(failures).unwrap_or(i32::MAX));
        let seconds = settings.initial_backoff.as_secs_f64() * growth;
        let ceiling = seconds.min(settings.max_backoff.as_secs_f64());
        let draw = getrandom::u32().map_or(1.0, |bits| f64::from(bits) / f64::from(u32::MAX));
        Duration::try_from_secs_f64(ceiling * draw).unwrap_or(LATER)
    }

    /// No more tries: a dead letter, or a loss.
    pub(super) fn give_up(&mut self, key: &str, work: Work, why: &str) {
        let sentry = Arc::clone(&self.sentry);
        let letters = sentry
            .letters
            .clone()
            .filter(|_| sentry.settings.dead_letter_queue);
        if sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = work.attempts, reason = why, kept = letters.is_some(); "envelope given up");
        }
        let Some(letters) = letters else {
            self.lose_work(key, &work, Reason::NetworkError);
            return self.finish(&work, Count::Failed);
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
            let outcome = record.map(|record| {
                let put = letters.put(&record, &why, clock::unix_ms());
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
                }
                Some((record, Err(error))) => {
                    log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "dead letter can't be written");
                    sentry.lose(Reason::NetworkError, &record.dsn, &record.envelope);
                    sentry.end_work(&work, Count::Failed);
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
