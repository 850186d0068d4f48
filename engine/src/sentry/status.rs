//! Status and metrics as JSON: the fields of RoadRunner's plugin (`GetStatus`, `GetMetrics`) for the whole host, and
//! some more. Without secrets. On PHP's thread; reads a few files at most.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Sentry, SentryDirs,
    capture::time,
    dead_letters::DeadLetter,
    outbox::{Backlog, backlog_in},
    protocol::envelope::Envelope,
    shared_state::{Count, SharedState},
    waiting_counts::WaitingCounts,
};
use crate::{
    Result,
    config::{Dsn, SentrySettings},
    host::clock,
    metrics::{Samples, Source, sentry as metrics},
};

/// The settings in effect: `enabled`, `dsn_set`, `workers` and `transport`. Reads no file.
#[must_use]
pub fn settings(settings: &SentrySettings) -> Value {
    json!({
        "enabled": settings.enabled,
        "dsn_set": settings.dsn.is_some(),
        "workers": settings.workers,
        "transport": transport(settings),
    })
}

fn transport(settings: &SentrySettings) -> Value {
    json!({
        "timeout": settings.timeout.as_secs_f64(),
        "connect_timeout": settings.connect_timeout.as_secs_f64(),
        "compression": settings.compression,
        "ssl_verify": settings.ssl_verify,
        "proxy": settings.proxy.is_some(),
        "max_payload_size": settings.max_payload_size,
    })
}

impl Source for Sentry {
    fn read(&self, samples: &mut Samples) {
        self.shared.read(samples);
        samples.add(&metrics::QUEUE_LENGTH, &[], self.backlog().records as f64);
    }
}

/// The state of the host's processes, without a transport of this one.
impl Source for SentryDirs {
    fn read(&self, samples: &mut Samples) {
        if let Some(shared) = self.run.as_deref().and_then(SharedState::existing) {
            shared.read(samples);
        }
        let waiting = self.outboxes().map(|dir| backlog_in(&dir));
        let waiting = waiting.fold(Backlog::default(), Backlog::and);
        samples.add(&metrics::QUEUE_LENGTH, &[], waiting.records as f64);
    }
}

impl Sentry {
    /// `enabled`, `dsn_set`, `queue`, `rate_limits` with the end of each as RFC 3339, `transport`.
    #[must_use]
    pub fn status(&self) -> Value {
        let backlog = self.backlog();
        let configured = self.settings.dsn.as_ref();
        let limits: Map<String, Value> = configured
            .into_iter()
            .flat_map(|dsn| self.limits_of(dsn.expose().as_bytes()))
            .map(|(name, left)| {
                let until = clock::unix_ms() + left.as_millis() as u64;
                (name.to_owned(), time(until).into())
            })
            .collect();
        json!({
            "enabled": self.settings.enabled,
            "dsn_set": self.settings.dsn.is_some(),
            "queue": {
                "queue_length": backlog.records,
                "retry_queue_length": self.dead_letter_count(),
                "workers": self.settings.workers,
                "closed": false,
                "bytes": backlog.bytes,
                "durable": self.outbox.is_durable(),
                "here": self.outbox.queued(),
            },
            "rate_limits": limits,
            "transport": transport(&self.settings),
        })
    }

    /// The rate limits of a project in seconds that are left, by category, `all` for everything. Without a DSN, of the
    /// configured project. Reads shared memory only: cheap enough for each request.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an invalid DSN.
    pub fn rate_limits(&self, dsn: Option<&[u8]>) -> Result<Value> {
        let named = dsn.filter(|text| !Dsn::is_off(text));
        let dsn = match (named, &self.settings.dsn) {
            (Some(text), _) => {
                self.check_dsn(text)?;
                text
            }
            (None, Some(dsn)) => dsn.expose().as_bytes(),
            (None, None) => return Ok(json!({})),
        };
        let limits = self.limits_of(dsn);
        let limits = limits.map(|(name, left)| (name.to_owned(), left.as_secs_f64().into()));
        Ok(Value::Object(limits.collect()))
    }

    fn limits_of(&self, dsn: &[u8]) -> impl Iterator<Item = (&'static str, Duration)> + use<> {
        let (shared, slot) = SharedState::project_of(&self.shared, dsn);
        let limits = shared.rate_limits(slot).into_iter();
        limits.map(|(category, left)| (category.map_or("all", |category| category.name()), left))
    }

    /// Counters since the host booted.
    #[must_use]
    pub fn metrics(&self) -> Value {
        let count = |count| self.shared.total(count);
        let mean = |sum: Count, of: Count, unit: f64| {
            let of = count(of);
            (of > 0).then(|| count(sum) as f64 / of as f64 / unit)
        };
        json!({
            "events_sent": count(Count::Sent),
            "events_failed": count(Count::Failed),
            "events_rate_limit": count(Count::RateLimited),
            "queue_length": self.backlog().records,
            "total_retries": count(Count::Retries),
            "events_accepted": count(Count::Accepted),
            "events_dropped": count(Count::Overflow),
            "events_too_large": count(Count::TooLarge),
            "events_adopted": count(Count::Adopted),
            "events_torn": count(Count::Torn),
            "events_replayed": count(Count::Replayed),
            "dead_letters": count(Count::DeadLetters),
            "requests": count(Count::Requests),
            "bytes_sent": count(Count::Bytes),
            "send_seconds": mean(Count::SendMicros, Count::Requests, 1e6),
            "wait_seconds": mean(Count::WaitMillis, Count::Sent, 1e3),
        })
    }

    /// The newest dead letters: id, times in seconds, reason, size, event id, item types.
    #[must_use]
    pub fn dead_letters(&self, limit: usize) -> Value {
        let letters = self
            .dead_letters
            .iter()
            .flat_map(|dead_letters| dead_letters.list(limit));
        letters.map(|letter| describe(&letter)).collect()
    }

    /// The number of dead letters.
    fn dead_letter_count(&self) -> usize {
        let (Some(dead_letters), Some(dir)) = (&self.dead_letters, self.dirs.dead_letters()) else {
            return 0;
        };
        let list = || dead_letters.ids().len();
        self.dead_letter_count.count(&dir, list)
    }

    /// The backlog of the host: from the counts in shared memory, or from the files if a process has no slot there.
    pub(super) fn backlog(&self) -> Backlog {
        let own = Backlog {
            records: self.outbox.queued(),
            bytes: self.outbox.bytes(),
        };
        if self.outbox.name().is_none() {
            return own;
        }
        if let Some(others) = self.waiting_counts.as_ref().and_then(WaitingCounts::others) {
            return own.and(others);
        }
        self.outbox_dirs()
            .fold(self.outbox.in_memory(), |sum, dir| {
                sum.and(backlog_in(&dir))
            })
    }
}

fn describe(letter: &DeadLetter) -> Value {
    let envelope = Envelope::parse(&letter.envelope);
    let (event_id, types) = envelope.map_or((None, Vec::new()), |envelope| {
        let types = envelope.items.iter().map(|item| item.kind.clone());
        (envelope.text("event_id"), types.collect())
    });
    json!({
        "id": letter.id,
        "reason": letter.metadata.reason,
        "given_up_at": letter.metadata.given_up_ms as f64 / 1000.0,
        "accepted_at": letter.metadata.accepted_ms as f64 / 1000.0,
        "attempts": letter.metadata.attempts,
        "bytes": letter.bytes,
        "event_id": event_id,
        "types": types,
    })
}
