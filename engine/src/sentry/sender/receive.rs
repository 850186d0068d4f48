//! A record from the outbox: where it goes, and whether it goes now, waits for company, or for Sentry to come
//! back.

use std::time::Instant;

use super::Sender;
use super::project::{Claims, Delivery, Project, dsn_of, register};
use crate::{
    config::Dsn,
    sentry::{
        outbox::{Claim, Record},
        protocol::{
            category::{Category, DiscardReason, Priority},
            envelope::Envelope,
        },
        shared_state::Count,
    },
};

impl Sender {
    /// Finds out where a record goes.
    pub(super) fn accept(&mut self, claim: Claim) {
        let Some(record) = claim.read() else {
            self.sentry.shared.count(Count::Torn, 1);
            self.sentry.outbox.settle(&claim);
            return;
        };
        let envelope = match Envelope::parse(&record.envelope) {
            Ok(envelope) => envelope,
            Err(why) => return self.reject(&claim, &record, &why),
        };
        let Some(dsn) = dsn_of(&record.dsn, &envelope) else {
            return self.reject(&claim, &record, "it names no project");
        };
        let key = dsn.expose().to_owned();
        let (first, settings) = (&self.sentry.shared, &self.sentry.settings);
        let project = self
            .projects
            .entry(key.clone())
            .or_insert_with(|| Project::new(dsn, first, settings));
        self.turns += 1;
        let delivery = Delivery {
            turn: (claim.priority(), self.turns),
            claims: Claims::new(vec![claim.clone()], 1),
            made: None,
            attempts: record.attempts,
            accepted_ms: record.accepted_ms,
        };
        if project.is_down() {
            project.defer(delivery, &self.sentry.outbox);
        } else if !project.batches.add(&claim, &envelope, Instant::now()) {
            self.dispatch(&key, delivery, envelope, !record.dsn.is_empty());
        }
    }

    pub(super) fn reject(&self, claim: &Claim, record: &Record, why: &str) {
        if self.sentry.logs_at(log::Level::Error) {
            log::error!(target: "pillion::sentry", reason = why; "envelope not understood");
        }
        let dsn = std::str::from_utf8(&record.dsn)
            .ok()
            .and_then(|text| Dsn::parse(text).ok());
        if let Some(dsn) = dsn {
            let (shared, slot) = register(&self.sentry.shared, &dsn);
            let category = match claim.priority() {
                Priority::Critical => Category::Error,
                _ => Category::Default,
            };
            shared.lose(slot, (DiscardReason::InternalSdkError, category, 1));
        }
        self.sentry.shared.count(Count::Failed, 1);
        self.sentry.outbox.settle(claim);
    }
}
