//! The task that sends: one a process, on the runtime. It takes records from the outbox by weight of
//! their class, asks the board what Sentry wants silence for, keeps a bounded number of requests in
//! flight, and settles each record when its fate is known. Until then the record stays in the outbox, so
//! the death of this process at any instant leaves it to another one.
//!
//! * [`receive`] from a record to a project; [`schedule`] what has waited long enough.
//! * [`dispatch`] from an envelope to a request; [`response`] what its answer means.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Sentry,
    protocol::category::Priority,
    reachability::{self, Probe},
    shared_state::{Count, Loss},
};
use crate::{error::IoContext as _, metrics::sentry::QUEUE_LENGTH, threads::blocking};
use client::{Client, Response};
use project::{Delivery, Project};

pub(crate) mod client;
mod dispatch;
pub(crate) mod project;
mod receive;
mod response;
mod schedule;

/// How often the outbox is looked at while there is something to do.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How often a process looks whether another one has found out that Sentry is back.
const REACHABILITY_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// So long after the last envelope the sender looks by itself; then it has to be woken.
const POLLING_TIMEOUT: Duration = Duration::from_millis(20);
/// So long after the last envelope a chain gives memory back.
const IDLE: Duration = Duration::from_secs(5);
/// Losses that find no carrier get one of their own.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);
/// Where no client can be made, and for a pause without a draw.
const CLIENT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A request that has its answer.
struct CompletedRequest {
    project: String,
    delivery: Delivery,
    /// The losses that rode along.
    carried: Vec<Loss>,
    /// It was to find out whether Sentry is back.
    is_probe: bool,
    /// And had the right to, for the whole host.
    probe: Option<Probe>,
    answer: Response,
}

struct Sender {
    sentry: Arc<Sentry>,
    client: Option<Client>,
    projects: HashMap<String, Project>,
    in_flight: JoinSet<CompletedRequest>,
    blocking_tasks: JoinSet<()>,
    /// Classes in their turn, the next one last.
    round: Vec<Priority>,
    last_work: Instant,
    is_idle: bool,
    synced: Instant,
    /// Counts what was claimed.
    turns: u64,
    /// Records dropped since the targets were last told.
    dropped: usize,
}

impl Sentry {
    /// Sends for as long as the runtime lives.
    pub async fn run(self: Arc<Self>) {
        let mut sender = Sender {
            client: None,
            projects: HashMap::new(),
            in_flight: JoinSet::new(),
            blocking_tasks: JoinSet::new(),
            round: Vec::new(),
            last_work: Instant::now(),
            is_idle: false,
            synced: Instant::now(),
            turns: 0,
            dropped: 0,
            sentry: self,
        };
        loop {
            sender.turn().await;
        }
    }
}

impl Sender {
    async fn turn(&mut self) {
        let did = self.fill();
        QUEUE_LENGTH.set(self.sentry.outbox.queued() as f64);
        self.sentry.publish_backlog();
        let now = Instant::now();
        if did {
            self.last_work = now;
            self.is_idle = false;
        }
        self.sync(now);
        let sentry = Arc::clone(&self.sentry);
        let hurried = sentry.flushing.load(Ordering::SeqCst) > 0;
        let full = self.in_flight.len() >= sentry.settings.workers;
        let lingers = hurried || now.duration_since(self.last_work) < POLLING_TIMEOUT;
        let waits = self
            .projects
            .values()
            .any(|project| !project.deferred.is_empty());
        let quiet = self.in_flight.is_empty() && self.blocking_tasks.is_empty();
        sentry.stuck.store(quiet && waits && !did, Ordering::SeqCst);
        if !did && quiet {
            sentry.rests.fetch_add(1, Ordering::SeqCst);
        }
        if !did && !lingers && !full {
            sentry.awake.store(false, Ordering::SeqCst);
            // Who came before the store has not woken us.
            if self.fill() {
                sentry.awake.store(true, Ordering::SeqCst);
                self.last_work = now;
                return;
            }
        }
        let idle_at = (!self.is_idle).then(|| self.last_work + IDLE);
        if idle_at.is_some_and(|at| now >= at) {
            self.is_idle = true;
            self.client.iter().for_each(Client::rest);
        }
        sentry.outbox.maintain(self.is_idle);
        let mut next = self.next_deadline().into_iter().chain(idle_at).min();
        if lingers && !full {
            next = Some(next.map_or(now + POLL_INTERVAL, |next| next.min(now + POLL_INTERVAL)));
        }
        // What waits may have come since the last sync.
        if sentry.settings.on_disk && sentry.outbox.queued() > 0 {
            let due = self.synced + sentry.settings.sync_interval;
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        let far = now + Duration::from_secs(3600);
        tokio::select! {
            Some(done) = self.in_flight.join_next() => {
                if let Ok(done) = done {
                    self.settle(done);
                }
                while let Some(Ok(done)) = self.in_flight.try_join_next() {
                    self.settle(done);
                }
                self.last_work = Instant::now();
            }
            Some(_) = self.blocking_tasks.join_next() => {}
            () = sentry.wake.notified() => {}
            () = tokio::time::sleep_until(next.unwrap_or(far).into()) => {}
        }
    }

    /// Starts as many requests as may be in flight. Whether there was anything to do.
    fn fill(&mut self) -> bool {
        let mut did = false;
        did |= self.sentry.report_evicted() > 0;
        self.dropped += self.sentry.outbox.take_stale_claims();
        let take_evicted_for_others = self.sentry.outbox.take_evicted_for_others();
        if take_evicted_for_others > 0 {
            self.sentry
                .shared
                .count(Count::Overflow, take_evicted_for_others as u64);
        }
        self.remove_evicted();
        while self.in_flight.len() < self.sentry.settings.workers {
            if self.sentry.closing.load(Ordering::SeqCst) || !(self.send_due() || self.claim_next())
            {
                break;
            }
            did = true;
        }
        did
    }

    /// What was dropped holds its file for as long as somebody thinks that it waits. Looking through all
    /// that wait is worth while only when many were dropped.
    fn remove_evicted(&mut self) {
        let waiting: usize = self
            .projects
            .values()
            .map(|project| project.deferred.len())
            .sum();
        if self.dropped > 64.max(waiting / 8) {
            self.dropped = 0;
            self.projects.values_mut().for_each(Project::remove_evicted);
        }
    }

    /// The next record, by weight of the classes. `false`: none waits.
    fn claim_next(&mut self) -> bool {
        for _ in 0..2 {
            while let Some(priority) = self.round.last().copied() {
                if let Some(claim) = self.sentry.outbox.claim(priority) {
                    self.round.pop();
                    self.accept(claim);
                    return true;
                }
                self.round.retain(|other| *other != priority);
            }
            // Lowest weights first, as the next one is taken from the end.
            self.round = (1..=5)
                .flat_map(|turn| {
                    let priorities = Priority::ALL.into_iter().rev();
                    priorities.filter(move |priority| priority.weight() >= 6 - turn)
                })
                .collect();
        }
        false
    }

    fn next_deadline(&self) -> Option<Instant> {
        let settings = &self.sentry.settings;
        let free = self.in_flight.len() < settings.workers;
        let (now, ceiling) = (Instant::now(), reachability::ceiling(settings));
        self.projects
            .values()
            .flat_map(|project| {
                let held = !project.deferred.is_empty() && !project.probing && free;
                [
                    project.batches.next_due(settings.batch_timeout),
                    project
                        .ready
                        .front()
                        .filter(|_| free)
                        .map(|_| self.last_work),
                    held.then(|| match project.destination.is_down() {
                        // Another process may find out that it is back.
                        true => project
                            .next_at(now, ceiling)
                            .max(project.look_at)
                            .min(now + REACHABILITY_POLL_INTERVAL),
                        false => project.next_at(now, ceiling),
                    }),
                    project.lost_since.map(|since| since + REPORT_INTERVAL),
                ]
            })
            .flatten()
            .min()
    }

    /// Durability against power loss, at its interval.
    fn sync(&mut self, now: Instant) {
        let settings = &self.sentry.settings;
        if settings.on_disk && now.duration_since(self.synced) >= settings.sync_interval {
            self.synced = now;
            let sentry = Arc::clone(&self.sentry);
            self.blocking_tasks.spawn(async move {
                let synced = blocking(move || sentry.outbox.sync().context(|| "syncing"));
                if let Err(error) = synced.await.and_then(|synced| synced) {
                    log::warn!(target: "pillion::sentry", error = error.to_string().as_str(); "outbox can't be synced");
                }
            });
        }
    }
}
