//! From an envelope to a request: less what Sentry wants silence for, and with what was lost.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{CLIENT_RETRY_DELAY, CompletedRequest, Sender};
use super::{
    client::Client,
    project::{Claims, Delivery, Project},
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
    /// Sends one envelope, less what Sentry wants silence for. `has_dsn`: it was given with a DSN, which
    /// holds whatever its header says.
    pub(super) fn dispatch(
        &mut self,
        key: &str,
        mut delivery: Delivery,
        mut envelope: Envelope<'_>,
        has_dsn: bool,
    ) {
        let age = Duration::from_millis(clock::unix_ms().saturating_sub(delivery.accepted_ms));
        let Some(project) = self.projects.get_mut(key) else {
            return self.finish(&delivery, Count::Failed);
        };
        if age > self.sentry.settings.max_age {
            project.end_probe();
            return self.expire(key, delivery);
        }
        let silenced = silence(project, &mut envelope);
        if envelope.items.is_empty() {
            project.end_probe();
            if silenced && self.sentry.logs_at(log::Level::Debug) {
                log::debug!(target: "pillion::sentry", project = project.dsn.to_string().as_str(); "envelope dropped: Sentry wants silence");
            }
            return self.finish(&delivery, Count::RateLimited);
        }
        let is_other = || envelope.text("dsn").is_none_or(|dsn| dsn != key);
        if has_dsn && envelope.raw("dsn").is_some() && is_other() {
            // All forms of the key in a request have to agree.
            envelope.set("dsn", key);
        }
        let carried = self.attach_report(key, &mut envelope);
        if silenced && delivery.made.is_none() {
            // What is tried again has to be without what was dropped and told of.
            let mut kept = envelope.items;
            if !carried.is_empty() {
                kept.pop();
            }
            envelope.items = kept;
            delivery.made = Some(Arc::new(envelope.write(None)));
            if let Some(report) = report_of(&carried) {
                envelope.items.push(report);
            }
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        self.post(key, delivery, carried, body);
    }

    /// Adds what was lost to an envelope that goes anyway.
    pub(super) fn attach_report(&mut self, key: &str, envelope: &mut Envelope<'_>) -> Vec<Loss> {
        let Some(project) = self.projects.get_mut(key) else {
            return Vec::new();
        };
        if !self.sentry.settings.send_client_reports || !project.shared.has_losses(project.slot) {
            return Vec::new();
        }
        let losses = project.shared.take_losses(project.slot);
        let (item, left) = client_report::report(&losses, &time(clock::unix_ms()));
        let told = losses.len() - left.len();
        for loss in left {
            project.shared.put_back(project.slot, loss);
        }
        project.lost_since = None;
        if told > 0 {
            envelope.items.push(item);
        }
        losses.into_iter().take(told).collect()
    }

    /// An envelope for losses that found no carrier.
    pub(super) fn send_report(&mut self, key: &str) {
        let mut envelope = Envelope::new(None, Vec::new());
        envelope.set("dsn", key);
        let carried = self.attach_report(key, &mut envelope);
        if envelope.items.is_empty() {
            return;
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        let delivery = Delivery {
            claims: Claims::new(Vec::new(), 1),
            made: None,
            attempts: 0,
            accepted_ms: clock::unix_ms(),
            turn: (Priority::Lowest, 0),
        };
        self.post(key, delivery, carried, body);
    }

    pub(super) fn post(
        &mut self,
        key: &str,
        delivery: Delivery,
        carried: Vec<Loss>,
        body: Vec<u8>,
    ) {
        let client = match self.client.clone() {
            Some(client) => Ok(client),
            None => Client::new(&self.sentry.settings),
        };
        let Some(project) = self.projects.get_mut(key) else {
            return self.finish(&delivery, Count::Failed);
        };
        let key = key.to_owned();
        match client {
            Ok(client) => {
                let (endpoint, auth) = (Arc::clone(&project.endpoint), Arc::clone(&project.auth));
                // While one is under way nothing else is sent there.
                let (is_probe, probe) = (project.probing, project.probe.take());
                self.client = Some(client.clone());
                self.sentry.under_way.fetch_add(1, Ordering::SeqCst);
                self.in_flight.spawn(async move {
                    let answer = client.post(&endpoint, &auth, body).await;
                    CompletedRequest {
                        project: key,
                        delivery,
                        carried,
                        is_probe,
                        probe,
                        answer,
                    }
                });
            }
            Err(error) => {
                // A setting is bad: what was accepted waits until somebody mends it.
                log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "nothing can be sent");
                for loss in carried {
                    project.shared.put_back(project.slot, loss);
                }
                project.down_until = Some(Instant::now() + CLIENT_RETRY_DELAY * 30);
                project.end_probe();
                if delivery.claims.all().is_empty() {
                    return;
                }
                project.defer(delivery, &self.sentry.outbox);
            }
        }
    }
}

fn report_of(carried: &[Loss]) -> Option<Item<'static>> {
    (!carried.is_empty()).then(|| client_report::report(carried, &time(clock::unix_ms())).0)
}

/// Takes out what Sentry wants silence for, and notes it as lost. An attachment and a profile go with
/// what they belong to. Whether anything was taken out.
fn silence(project: &Project, envelope: &mut Envelope<'_>) -> bool {
    let is_silenced = |item: &Item<'_>| match item.kind.as_str() {
        // Limited only by what goes for everything.
        "client_report" => project.limited(None).is_some(),
        _ => project.limited(item.category()).is_some(),
    };
    let mut flags: Vec<bool> = envelope.items.iter().map(is_silenced).collect();
    if !flags.contains(&true) {
        return false;
    }
    let gone = |kind: &str, flags: &[bool]| {
        let mut items = envelope.items.iter().zip(flags);
        items.any(|(item, flag)| *flag && item.kind == kind)
    };
    let (event, transaction, replay) = (
        gone("event", &flags),
        gone("transaction", &flags),
        gone("replay_event", &flags) || gone("replay_recording", &flags),
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
        let goes = flags.next().unwrap_or(false);
        if goes {
            lost.push(item.clone());
        }
        !goes
    });
    for loss in client_report::of_items(DiscardReason::RatelimitBackoff, &lost) {
        project.shared.lose(project.slot, loss);
    }
    // An SDK's own report is told later, with ours.
    for loss in lost.iter().flat_map(client_report::reported) {
        project.shared.put_back(project.slot, loss);
    }
    true
}
