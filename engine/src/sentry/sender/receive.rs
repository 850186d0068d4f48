//! From a claimed record to its project: sent now, batched, or deferred until Sentry is reachable.

use std::{sync::Arc, time::Instant};

use super::{
    Sender,
    delivery::{Claims, Delivery},
    project::{Project, dsn_text},
};
use crate::{
    config::Dsn,
    sentry::{
        outbox::{Claim, Record},
        protocol::{
            category::{Category, DiscardReason, Priority},
            envelope::Envelope,
        },
        shared_state::{Count, SharedState},
    },
};

impl Sender {
    /// Assigns a record to its project.
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
        let Some(key) = self.known_project(&record, &envelope) else {
            return self.reject(&claim, &record, "it has no DSN");
        };
        let Some(project) = self.projects.get_mut(&key) else {
            return;
        };
        self.deliveries += 1;
        let delivery = Delivery {
            order: (claim.priority(), self.deliveries),
            claims: Claims::new(vec![claim.clone()], 1),
            body: None,
            attempts: record.attempts,
            accepted_ms: record.accepted_ms,
        };
        if project.is_down() {
            project.defer(delivery, &self.sentry.outbox);
        } else if !project.batcher.add(&claim, &envelope, Instant::now()) {
            self.dispatch(&key, delivery, envelope, !record.dsn.is_empty());
        }
    }

    /// The project of a record, created if it is a new one. `None` without a valid DSN.
    fn known_project(&mut self, record: &Record, envelope: &Envelope<'_>) -> Option<Arc<str>> {
        let text = dsn_text(&record.dsn, envelope)?;
        if let Some((key, _)) = self.projects.get_key_value(&*text) {
            return Some(Arc::clone(key));
        }
        let (shared, settings) = (&self.sentry.shared, &self.sentry.settings);
        let project = Project::new(Dsn::parse(&text).ok()?, shared, settings)?;
        let key: Arc<str> = text.into();
        self.projects.insert(Arc::clone(&key), project);
        Some(key)
    }

    /// Drops and reports a record that is not a valid envelope.
    fn reject(&self, claim: &Claim, record: &Record, why: &str) {
        if self.sentry.logs_at(log::Level::Error) {
            log::error!(target: "pillion::sentry", reason = why; "invalid envelope in the outbox");
        }
        let dsn = std::str::from_utf8(&record.dsn)
            .ok()
            .and_then(|text| Dsn::parse(text).ok());
        if let Some(dsn) = dsn {
            let (shared, slot) =
                SharedState::project_of(&self.sentry.shared, dsn.expose().as_bytes());
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
