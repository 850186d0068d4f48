//! From a delivery to a request: removes rate-limited items, attaches the client report, starts the request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CLIENT_RETRY_DELAY, CompletedRequest, Sender,
    client::Client,
    delivery::{Claims, Delivery},
    project::Project,
};
use crate::{
    host::clock,
    sentry::{
        capture::time,
        protocol::{
            category::{DiscardReason, Priority},
            client_report,
            envelope::{Envelope, Item},
        },
        shared_state::{Count, Loss},
    },
};

impl Sender {
    /// Sends an envelope without its rate-limited items. `has_dsn`: it was queued with a DSN, which takes precedence
    /// over that of its header.
    pub(super) fn dispatch(
        &mut self,
        key: &Arc<str>,
        mut delivery: Delivery,
        mut envelope: Envelope<'_>,
        has_dsn: bool,
    ) {
        let age = Duration::from_millis(clock::unix_ms().saturating_sub(delivery.accepted_ms));
        let Some(project) = self.projects.get_mut(key) else {
            return self.sentry.finish_delivery(&delivery, Count::Failed);
        };
        if age > self.sentry.settings.max_age {
            project.end_probe();
            return self.expire(key, delivery);
        }
        let is_limited = remove_rate_limited(project, &mut envelope);
        if envelope.items.is_empty() {
            project.end_probe();
            if is_limited && self.sentry.logs_at(log::Level::Debug) {
                log::debug!(target: "pillion::sentry", project:% = project.dsn; "envelope dropped: rate limited");
            }
            return self.sentry.finish_delivery(&delivery, Count::RateLimited);
        }
        let is_other = || envelope.text("dsn").is_none_or(|dsn| dsn != **key);
        if has_dsn && envelope.raw("dsn").is_some() && is_other() {
            // Sentry rejects a request with different keys in header and authentication.
            envelope.set("dsn", key);
        }
        let reported = self.attach_report(key, &mut envelope);
        if is_limited && delivery.body.is_none() {
            // A retry must not contain the items that were dropped and reported.
            let mut remaining = envelope.items;
            if !reported.is_empty() {
                remaining.pop();
            }
            envelope.items = remaining;
            delivery.body = Some(Arc::new(envelope.write(None)));
            if let Some(report) = report_of(&reported) {
                envelope.items.push(report);
            }
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        let logs_sent =
            self.sentry.logs_at(log::Level::Info) && log::max_level() >= log::LevelFilter::Info;
        let event_id = logs_sent.then(|| envelope.text("event_id").unwrap_or_default());
        self.post(key, delivery, reported, body, event_id);
    }

    /// Adds a client report of all losses to an envelope. Returns the losses that it contains.
    fn attach_report(&mut self, key: &str, envelope: &mut Envelope<'_>) -> Vec<Loss> {
        let Some(project) = self.projects.get_mut(key) else {
            return Vec::new();
        };
        if !self.sentry.settings.send_client_reports || !project.shared.has_losses(project.slot) {
            return Vec::new();
        }
        let losses = project.shared.take_losses(project.slot);
        let (item, left) = client_report::report(&losses, &time(clock::unix_ms()));
        let count = losses.len() - left.len();
        for loss in left {
            project.shared.restore_loss(project.slot, loss);
        }
        project.losses_since = None;
        if count > 0 {
            envelope.items.push(item);
        }
        losses.into_iter().take(count).collect()
    }

    /// Sends an envelope that consists of a client report only.
    pub(super) fn send_report(&mut self, key: &Arc<str>) {
        let mut envelope = Envelope::new(None, Vec::new());
        envelope.set("dsn", key);
        let reported = self.attach_report(key, &mut envelope);
        if envelope.items.is_empty() {
            return;
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        let delivery = Delivery {
            claims: Claims::new(Vec::new(), 1),
            body: None,
            attempts: 0,
            accepted_ms: clock::unix_ms(),
            order: (Priority::Lowest, 0),
        };
        self.post(key, delivery, reported, body, None);
    }

    /// Starts a request. `event_id`: that of the line about its success, if there is to be one.
    fn post(
        &mut self,
        key: &Arc<str>,
        delivery: Delivery,
        reported: Vec<Loss>,
        body: Vec<u8>,
        event_id: Option<String>,
    ) {
        let client = match self.client.clone() {
            Some(client) => Ok(client),
            None => Client::new(&self.sentry.settings),
        };
        let Some(project) = self.projects.get_mut(key) else {
            return self.sentry.finish_delivery(&delivery, Count::Failed);
        };
        let key = Arc::clone(key);
        match client {
            Ok(client) => {
                let endpoint = Arc::clone(&project.endpoint);
                // Nothing else is sent to the project while a probe is in flight.
                let (is_probe, probe) = (project.is_probing, project.probe.take());
                self.client = Some(client.clone());
                self.sentry.sender_state.request_started();
                self.in_flight.spawn(async move {
                    let response = client.post(&endpoint, body).await;
                    CompletedRequest {
                        project: key,
                        delivery,
                        reported,
                        event_id,
                        is_probe,
                        probe,
                        response,
                    }
                });
            }
            Err(error) => {
                // A setting is wrong: queued envelopes wait until it is corrected.
                log::error!(target: "pillion::sentry", error:%; "failed to create the HTTP client: envelopes wait");
                for loss in reported {
                    project.shared.restore_loss(project.slot, loss);
                }
                project.backoff_until = Some(Instant::now() + CLIENT_RETRY_DELAY);
                project.end_probe();
                if delivery.is_report() {
                    return;
                }
                project.defer(delivery, &self.sentry.outbox);
            }
        }
    }
}

fn report_of(losses: &[Loss]) -> Option<Item<'static>> {
    (!losses.is_empty()).then(|| client_report::report(losses, &time(clock::unix_ms())).0)
}

/// Removes the items of rate-limited categories and records them as lost; attachments and profiles go with the item
/// they belong to. Returns whether any was removed.
fn remove_rate_limited(project: &Project, envelope: &mut Envelope<'_>) -> bool {
    let is_limited = |item: &Item<'_>| match item.kind.as_str() {
        // Limited only by a limit on everything.
        "client_report" => project.rate_limit(None).is_some(),
        _ => project.rate_limit(item.category()).is_some(),
    };
    let mut flags: Vec<bool> = envelope.items.iter().map(is_limited).collect();
    if !flags.contains(&true) {
        return false;
    }
    let is_removed = |kind: &str, flags: &[bool]| {
        let mut items = envelope.items.iter().zip(flags);
        items.any(|(item, flag)| *flag && item.kind == kind)
    };
    let (event, transaction, replay) = (
        is_removed("event", &flags),
        is_removed("transaction", &flags),
        is_removed("replay_event", &flags) || is_removed("replay_recording", &flags),
    );
    for (item, flag) in envelope.items.iter().zip(flags.iter_mut()) {
        *flag |= match item.kind.as_str() {
            "attachment" => event || transaction,
            "profile" => transaction,
            "replay_event" | "replay_recording" | "replay_video" => replay,
            _ => false,
        };
    }
    let mut flags = flags.into_iter();
    let mut lost = Vec::new();
    envelope.items.retain(|item| {
        let is_removed = flags.next().unwrap_or(false);
        if is_removed {
            lost.push(item.clone());
        }
        !is_removed
    });
    for loss in client_report::of_items(DiscardReason::RatelimitBackoff, &lost) {
        project.shared.lose(project.slot, loss);
    }
    // The losses in a client report of an SDK are sent later, with our own.
    for loss in lost.iter().flat_map(client_report::reported) {
        project.shared.restore_loss(project.slot, loss);
    }
    true
}
