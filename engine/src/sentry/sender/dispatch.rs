//! From an envelope to a request: less what Sentry wants silence for, and with what was lost.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Done, LATER, Sender};
use super::{
    client::Client,
    destination::{Claims, Target, Work},
};
use crate::{
    host::clock,
    sentry::{
        capture::time,
        protocol::{
            category::{Class, Reason},
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
        mut work: Work,
        mut envelope: Envelope<'_>,
        has_dsn: bool,
    ) {
        let age = Duration::from_millis(clock::unix_ms().saturating_sub(work.accepted_ms));
        let Some(target) = self.targets.get_mut(key) else {
            return self.finish(&work, Count::Failed);
        };
        if age > self.sentry.settings.max_age {
            target.end_probe();
            return self.expire(key, work);
        }
        let silenced = silence(target, &mut envelope);
        if envelope.items.is_empty() {
            target.end_probe();
            if silenced && self.sentry.speaks(log::Level::Debug) {
                log::debug!(target: "pillion::sentry", project = target.dsn.to_string().as_str(); "envelope dropped: Sentry wants silence");
            }
            return self.finish(&work, Count::RateLimited);
        }
        let is_other = || envelope.text("dsn").is_none_or(|dsn| dsn != key);
        if has_dsn && envelope.raw("dsn").is_some() && is_other() {
            // All forms of the key in a request have to agree.
            envelope.set("dsn", key);
        }
        let carried = self.attach_report(key, &mut envelope);
        if silenced && work.made.is_none() {
            // What is tried again has to be without what was dropped and told of.
            let mut kept = envelope.items;
            if !carried.is_empty() {
                kept.pop();
            }
            envelope.items = kept;
            work.made = Some(Arc::new(envelope.write(None)));
            if let Some(report) = report_of(&carried) {
                envelope.items.push(report);
            }
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        self.post(key, work, carried, body);
    }

    /// Adds what was lost to an envelope that goes anyway.
    pub(super) fn attach_report(&mut self, key: &str, envelope: &mut Envelope<'_>) -> Vec<Loss> {
        let Some(target) = self.targets.get_mut(key) else {
            return Vec::new();
        };
        if !self.sentry.settings.send_client_reports || !target.board.has_losses(target.project) {
            return Vec::new();
        }
        let losses = target.board.take_losses(target.project);
        let (item, left) = client_report::report(&losses, &time(clock::unix_ms()));
        let told = losses.len() - left.len();
        for loss in left {
            target.board.put_back(target.project, loss);
        }
        target.lost_since = None;
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
        let work = Work {
            claims: Claims::new(Vec::new(), 1),
            made: None,
            attempts: 0,
            accepted_ms: clock::unix_ms(),
            turn: (Class::Lowest, 0),
        };
        self.post(key, work, carried, body);
    }

    pub(super) fn post(&mut self, key: &str, work: Work, carried: Vec<Loss>, body: Vec<u8>) {
        let client = match self.client.clone() {
            Some(client) => Ok(client),
            None => Client::new(&self.sentry.settings),
        };
        let Some(target) = self.targets.get_mut(key) else {
            return self.finish(&work, Count::Failed);
        };
        let key = key.to_owned();
        match client {
            Ok(client) => {
                let (endpoint, auth) = (Arc::clone(&target.endpoint), Arc::clone(&target.auth));
                // While one is under way nothing else is sent there.
                let (is_probe, probe) = (target.probing, target.probe.take());
                self.client = Some(client.clone());
                self.sentry.under_way.fetch_add(1, Ordering::SeqCst);
                self.in_flight.spawn(async move {
                    let answer = client.post(&endpoint, &auth, body).await;
                    Done {
                        target: key,
                        work,
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
                    target.board.put_back(target.project, loss);
                }
                target.down_until = Some(Instant::now() + LATER * 30);
                target.end_probe();
                if work.claims.all().is_empty() {
                    return;
                }
                target.hold(work, &self.sentry.outbox);
            }
        }
    }
}

fn report_of(carried: &[Loss]) -> Option<Item<'static>> {
    (!carried.is_empty()).then(|| client_report::report(carried, &time(clock::unix_ms())).0)
}

/// Takes out what Sentry wants silence for, and notes it as lost. An attachment and a profile go with
/// what they belong to. Whether anything was taken out.
fn silence(target: &Target, envelope: &mut Envelope<'_>) -> bool {
    let is_silenced = |item: &Item<'_>| match item.kind.as_str() {
        // Limited only by what goes for everything.
        "client_report" => target.limited(None).is_some(),
        _ => target.limited(item.category()).is_some(),
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
    for loss in client_report::of_items(Reason::RatelimitBackoff, &lost) {
        target.board.lose(target.project, loss);
    }
    // An SDK's own report is told later, with ours.
    for loss in lost.iter().flat_map(client_report::reported) {
        target.board.put_back(target.project, loss);
    }
    true
}
