//! The task that sends, one for each process, on the runtime: it claims records by the weight of their priority,
//! applies rate limits, keeps a bounded number of requests in flight, and settles a record when its envelope is done.
//! Until then the record stays in the outbox, so that another process sends it if this one dies.
//!
//! * [`receive`]: from a record to its [`project`]; [`schedule`]: batches, deferred deliveries, reports that are due.
//! * [`dispatch`]: from a [`delivery`] to a request of the [`client`]; [`response`] and [`give_up`]: from its outcome
//!   to the end.
//! * [`state`]: the handshake with producers.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Sentry,
    protocol::category::Priority,
    reachability::ProbeGuard,
    shared_state::{Count, Loss},
};
use crate::{
    config::SentrySettings, error::IoContext as _, http_client::ServerAnswer, threads::blocking,
};
use client::{Client, Response};
use delivery::Delivery;
use project::Project;

mod client;
mod compress;
mod delivery;
mod dispatch;
mod give_up;
pub(super) mod project;
mod receive;
mod response;
mod schedule;
pub(super) mod state;

/// How often the outbox is checked while the sender polls.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How often a process checks whether another one has reached Sentry again.
const REACHABILITY_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Time without work after which the sender stops polling and waits to be woken.
const POLLING_TIMEOUT: Duration = Duration::from_millis(20);
/// Time without work after which the outbox and the client free memory.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval after which losses are sent in an envelope of their own, if no other envelope has carried them.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);
/// Pause before the next attempt to create the HTTP client.
const CLIENT_RETRY_DELAY: Duration = Duration::from_secs(30);
/// Evictions below which deferred deliveries are not scanned for evicted records.
const MIN_EVICTIONS_TO_SCAN: usize = 64;
/// The longest sleep of the sender once producers have left a wake-up to the end of a request.
const UNWOKEN_INTERVAL: Duration = Duration::from_secs(1);
/// The longest sleep of the sender.
const MAX_SLEEP: Duration = Duration::from_secs(3600);

/// Asks the server of the DSN, and sends no envelope. `None` if the settings have none.
///
/// # Errors
/// The reason why there is no answer, without secrets.
pub async fn probe(settings: &SentrySettings) -> Option<Result<ServerAnswer, String>> {
    let dsn = settings.dsn.as_ref().filter(|_| settings.enabled)?;
    Some(match Client::new(settings) {
        Ok(client) => client.probe(dsn.endpoint(), settings.timeout).await,
        Err(error) => Err(error.to_string()),
    })
}

/// A request that has its response.
struct CompletedRequest {
    project: Arc<str>,
    delivery: Delivery,
    /// The losses in its client report.
    reported: Vec<Loss>,
    /// For the line about its success; `None` if there is none.
    event_id: Option<String>,
    /// Whether it probed whether Sentry is back.
    is_probe: bool,
    /// The host-wide right to do so.
    probe: Option<ProbeGuard>,
    response: Response,
}

/// The state of the sending task.
struct Sender {
    sentry: Arc<Sentry>,
    client: Option<Client>,
    /// Projects by their DSN.
    projects: HashMap<Arc<str>, Project>,
    in_flight: JoinSet<CompletedRequest>,
    blocking_tasks: JoinSet<()>,
    /// The priorities that the next records are claimed from, the next one last.
    round: Vec<Priority>,
    last_work: Instant,
    is_idle: bool,
    synced: Instant,
    /// The number of deliveries so far, for [`Delivery::order`].
    deliveries: u64,
    /// Claims on records that were evicted or moved since deferred deliveries were scanned last.
    stale_claims: usize,
}

impl Sentry {
    /// Sends until the runtime stops.
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
            deliveries: 0,
            stale_claims: 0,
            sentry: self,
        };
        loop {
            sender.run_round().await;
        }
    }
}

impl Sender {
    /// Starts requests, maintains the outbox, and waits for a response, a deadline or a producer.
    async fn run_round(&mut self) {
        let did_work = self.start_requests();
        self.sentry.publish_backlog();
        let now = Instant::now();
        if did_work {
            self.last_work = now;
            self.is_idle = false;
        }
        self.sync(now);
        let sentry = Arc::clone(&self.sentry);
        let state = &sentry.sender_state;
        let is_full = self.in_flight.len() >= sentry.settings.workers;
        let polls = state.is_flushing() || now.duration_since(self.last_work) < POLLING_TIMEOUT;
        let mut projects = self.projects.values();
        let has_deferred = projects.any(|project| !project.deferred.is_empty());
        let is_under_way = !self.in_flight.is_empty() || !self.blocking_tasks.is_empty();
        state.finish_round(did_work, is_under_way, has_deferred);
        if !did_work && !polls && !is_full {
            state.stop_polling();
            // A producer that pushed before this store has not notified.
            if self.start_requests() {
                state.start_polling();
                self.last_work = now;
                return;
            }
        }
        let idle_at = (!self.is_idle).then(|| self.last_work + IDLE_TIMEOUT);
        if idle_at.is_some_and(|at| now >= at) {
            self.is_idle = true;
            self.client.iter().for_each(Client::free_buffers);
        }
        sentry.outbox.maintain(self.is_idle);
        let poll_at = (polls && !is_full).then(|| now + POLL_INTERVAL);
        // Queued records may be newer than the last sync.
        let needs_sync = sentry.settings.on_disk && sentry.outbox.queued() > 0;
        let sync_at = needs_sync.then(|| self.synced + sentry.settings.sync_interval);
        let unwoken_at = state.wakes_later().then(|| now + UNWOKEN_INTERVAL);
        let deadlines = [self.next_deadline(), idle_at, poll_at, sync_at, unwoken_at];
        let next = deadlines.into_iter().flatten().min();
        tokio::select! {
            Some(request) = self.in_flight.join_next() => {
                if let Ok(request) = request {
                    self.complete(request);
                }
                while let Some(Ok(request)) = self.in_flight.try_join_next() {
                    self.complete(request);
                }
                self.last_work = Instant::now();
            }
            Some(_) = self.blocking_tasks.join_next() => {}
            () = state.woken() => {}
            () = tokio::time::sleep_until(next.unwrap_or(now + MAX_SLEEP).into()) => {}
        }
    }

    /// Starts as many requests as may be in flight. Returns whether there was anything to do.
    fn start_requests(&mut self) -> bool {
        let mut did_work = self.sentry.report_evicted() > 0;
        self.stale_claims += self.sentry.outbox.take_stale_claims();
        let evicted = self.sentry.outbox.take_evicted_for_others();
        if evicted > 0 {
            self.sentry.shared.count(Count::Overflow, evicted as u64);
        }
        self.remove_evicted();
        while self.in_flight.len() < self.sentry.settings.workers {
            if self.sentry.sender_state.is_closed() || !(self.send_due() || self.claim_next()) {
                break;
            }
            did_work = true;
        }
        did_work
    }

    /// Drops deferred deliveries of evicted records, which keep the mapping of their file alive. Scans all of them,
    /// so only after many evictions.
    fn remove_evicted(&mut self) {
        let projects = self.projects.values();
        let deferred: usize = projects.map(|project| project.deferred.len()).sum();
        if self.stale_claims > MIN_EVICTIONS_TO_SCAN.max(deferred / 8) {
            self.stale_claims = 0;
            self.projects.values_mut().for_each(Project::remove_evicted);
        }
    }

    /// Claims the next record, by weighted round robin over the priorities. Returns `false` if none is ready.
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
            // Lowest weights first, because the next one is taken from the end.
            self.round = (1..=5)
                .flat_map(|turn| {
                    let priorities = Priority::ALL.into_iter().rev();
                    priorities.filter(move |priority| priority.weight() >= 6 - turn)
                })
                .collect();
        }
        false
    }

    /// Syncs the files of the outbox to disk at their interval, against power loss.
    fn sync(&mut self, now: Instant) {
        let settings = &self.sentry.settings;
        if settings.on_disk && now.duration_since(self.synced) >= settings.sync_interval {
            self.synced = now;
            let sentry = Arc::clone(&self.sentry);
            self.blocking_tasks.spawn(async move {
                let synced = blocking(move || sentry.outbox.sync().context(|| "syncing"));
                if let Err(error) = synced.await.and_then(|synced| synced) {
                    log::warn!(target: "pillion::sentry", error:%; "outbox sync failed");
                }
            });
        }
    }
}
