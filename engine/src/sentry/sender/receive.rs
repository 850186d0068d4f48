//! A record from the outbox: where it goes, and whether it goes now, waits for company, or for Sentry to come
//! back.

use std::time::Instant;

use super::Sender;
use super::destination::{Claims, Target, Work, dsn_of, place_on};
use crate::{
    config::Dsn,
    sentry::{
        outbox::{Claim, Record},
        protocol::{
            category::{Category, Class, Reason},
            envelope::Envelope,
        },
        shared_state::Count,
    },
};

impl Sender {
    /// Finds out where a record goes.
    pub(super) fn take_in(&mut self, claim: Claim) {
        let Some(record) = claim.read() else {
            self.sentry.board.count(Count::Torn, 1);
            self.sentry.outbox.settle(&claim);
            return;
        };
        let envelope = match Envelope::parse(&record.envelope) {
            Ok(envelope) => envelope,
            Err(why) => return self.misunderstood(&claim, &record, &why),
        };
        let Some(dsn) = dsn_of(&record.dsn, &envelope) else {
            return self.misunderstood(&claim, &record, "it names no project");
        };
        let key = dsn.expose().to_owned();
        let (shared, settings) = (&self.sentry.board, &self.sentry.settings);
        let target = self
            .targets
            .entry(key.clone())
            .or_insert_with(|| Target::new(dsn, shared, settings));
        self.turns += 1;
        let work = Work {
            turn: (claim.class(), self.turns),
            claims: Claims::new(vec![claim.clone()], 1),
            made: None,
            attempts: record.attempts,
            accepted_ms: record.accepted_ms,
        };
        if target.is_down() {
            target.hold(work, &self.sentry.outbox);
        } else if !target.batches.gather(&claim, &envelope, Instant::now()) {
            self.dispatch(&key, work, envelope, !record.dsn.is_empty());
        }
    }

    pub(super) fn misunderstood(&self, claim: &Claim, record: &Record, why: &str) {
        if self.sentry.speaks(log::Level::Error) {
            log::error!(target: "pillion::sentry", reason = why; "envelope not understood");
        }
        let dsn = std::str::from_utf8(&record.dsn)
            .ok()
            .and_then(|text| Dsn::parse(text).ok());
        if let Some(dsn) = dsn {
            let (board, project) = place_on(&self.sentry.board, &dsn);
            let category = match claim.class() {
                Class::Critical => Category::Error,
                _ => Category::Default,
            };
            board.lose(project, (Reason::InternalSdkError, category, 1));
        }
        self.sentry.board.count(Count::Failed, 1);
        self.sentry.outbox.settle(claim);
    }
}
