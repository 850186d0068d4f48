//! The second tier of a process: its connection, its breaker, and the exchange of commands for answers, on which all
//! operations are built. On the runtime.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ::redis::{Pipeline, Value};
use serde_json::json;
use tokio::{sync::watch, time::timeout};

use super::{
    breaker::{Admission, Breaker, BreakerState},
    echoes::Echoes,
    error::TierError,
    flights::Flights,
    link::{Connector, Event, Link},
    queue::Queue,
    repairs::Repairs,
};
use crate::{
    cache::{Cache, Coverage, Policies, Tag},
    config::{CacheSettings, RedisUrl, WriteMode},
    metrics::{self, Samples, Source, cache as counts},
};

/// A connection is established within this many timeouts of a call, and within a second at least.
const CONNECT_TIMEOUTS: u32 = 10;
/// Interval at which a connection is checked, and the time that it has to answer.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// Interval in which an open breaker is examined whether a probe is due.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// Begins the keys of this module that are no values.
pub(super) const OWN_KEYS: &[u8] = b"pillion:";
/// Begins the rest of the key of a tag.
pub(super) const TAG_KEYS: &[u8] = b"tag:";

/// The first tier, which may be opened later, or be replaced.
pub trait FirstTier: Send + Sync + 'static {
    /// The first tier, if it is open.
    fn cache(&self) -> Option<&Cache>;
}

/// The second tier of a process.
pub struct SecondTier {
    url: RedisUrl,
    timeout: Duration,
    write_mode: WriteMode,
    pub(super) prefix: Vec<u8>,
    pub(super) first: Arc<dyn FirstTier>,
    pub(super) policies: Policies,
    connector: Connector,
    breaker: Breaker,
    state: Mutex<LinkState>,
    links: AtomicU64,
    /// `false` once it was logged that the server reports no changes.
    pub(super) reports: AtomicBool,
    /// Whether the last attempt to connect has failed.
    has_failed: AtomicBool,
    /// Whether it was logged that the server is not available.
    is_reported: AtomicBool,
    pub(super) flights: Arc<Flights>,
    pub(super) queue: Queue,
    pub(super) echoes: Echoes,
    pub(super) repairs: Repairs,
    /// Whether a task sends probes.
    is_probing: AtomicBool,
}

/// The connection.
enum LinkState {
    None,
    /// Sends when it is established, or failed.
    Connecting(watch::Receiver<()>),
    Up(Arc<Link>),
}

impl fmt::Debug for SecondTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondTier")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SecondTier {
    /// The second tier of the settings, or `None` if they name none. Connects to nothing.
    #[must_use]
    pub fn new(settings: &CacheSettings, first: Arc<dyn FirstTier>) -> Option<Arc<Self>> {
        let url = settings.url.clone().filter(|_| settings.enabled)?;
        let prefix = settings.namespace.as_ref().map(|name| format!("{name}:"));
        Some(Arc::new(Self {
            timeout: settings.timeout,
            write_mode: settings.write,
            prefix: prefix.unwrap_or_default().into_bytes(),
            first,
            policies: Policies::new(&settings.patterns, settings.hash_secret.as_ref()),
            connector: Connector::new(url.clone(), settings.clone()),
            url,
            breaker: Breaker::new(settings.max_retries),
            state: Mutex::new(LinkState::None),
            links: AtomicU64::new(0),
            reports: AtomicBool::new(true),
            has_failed: AtomicBool::new(false),
            is_reported: AtomicBool::new(false),
            flights: Arc::default(),
            queue: Queue::default(),
            echoes: Echoes::default(),
            repairs: Repairs::default(),
            is_probing: AtomicBool::new(false),
        }))
    }

    /// Time that a call waits at most.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// When stores get here, where no policy says it.
    #[must_use]
    pub const fn write_mode(&self) -> WriteMode {
        self.write_mode
    }

    /// Whether calls wait for answers at the moment. `false`: they fail at once.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.breaker.state() == BreakerState::Closed
    }

    /// Whether a call would fail at once: the server did not answer lately, and it is not time for a probe.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.breaker.is_refusing(Instant::now())
    }

    /// Counts a read that was not tried.
    pub fn count_refused_read(&self) {
        counts::GET_FAILURES.inc();
    }

    /// The state, without user and password of the server.
    #[must_use]
    pub fn stats(&self) -> serde_json::Value {
        json!({
            "url": self.url.to_string(),
            "connected": self.is_connected(),
            "breaker": self.breaker.state().name(),
            "hits": counts::SECOND_TIER_HITS.get(),
            "misses": counts::SECOND_TIER_MISSES.get(),
            "get_failures": counts::GET_FAILURES.get(),
            "set_failures": counts::SET_FAILURES.get(),
            "lost_writes": counts::LOST_WRITES.get(),
            "connection_failures": counts::CONNECTION_FAILURES.get(),
            "queued": self.queue.len(),
        })
    }

    /// Whether a connection of this process is open.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(*self.state(), LinkState::Up(_))
    }

    /// Whether the server reports changes.
    pub(super) fn is_tracking(&self) -> bool {
        matches!(&*self.state(), LinkState::Up(link) if link.is_tracking)
    }

    /// The key of a value in the second tier: after the namespace and a colon, or bare.
    pub(super) fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// The key of a lock or a tag.
    pub(super) fn own_key(&self, kind: &[u8], name: &[u8]) -> Vec<u8> {
        [&self.prefix, OWN_KEYS, kind, name].concat()
    }

    /// Connects without work, where no connection is open and it is time for an attempt.
    pub async fn connect_idle(self: &Arc<Self>) {
        let mut ping = Pipeline::new();
        ping.cmd("PING");
        // A failure is counted and logged by the attempt.
        let _ = self.exchange(ping).await;
    }

    /// Sends commands, and returns one answer for each, which may be an error of the server.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        pipeline: Pipeline,
    ) -> Result<Vec<Value>, TierError> {
        match self.breaker.admit(Instant::now()) {
            Admission::Allowed => {}
            Admission::Refused => {
                self.keep_probing();
                return Err(TierError::Unavailable);
            }
            Admission::Probe => {
                let tier = Arc::clone(self);
                tokio::spawn(async move { tier.probe().await });
                return Err(TierError::Unavailable);
            }
        }
        let exchanged = self.exchange_admitted(&pipeline).await;
        if exchanged.is_err() && self.breaker.state() != BreakerState::Closed {
            self.keep_probing();
        }
        exchanged
    }

    async fn exchange_admitted(
        self: &Arc<Self>,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, TierError> {
        let start = Instant::now();
        let exchanged = timeout(self.timeout, async {
            let link = self.link().await?;
            match link.send(pipeline).await {
                Ok(values) => Some(Ok(values)),
                Err(error) => Some(Err((error.to_string(), link.number))),
            }
        });
        match exchanged.await {
            Ok(Some(Ok(values))) => {
                let busy = values.iter().find_map(|value| match value {
                    Value::ServerError(error) if is_unusable(error.code()) => Some(error),
                    _ => None,
                });
                if let Some(error) = busy {
                    // The address may name another server by now.
                    let is_replica = error.code() == "READONLY";
                    let error = error.to_string();
                    self.fail(&error, is_replica.then(|| self.link_number()).flatten());
                    return Err(TierError::Refused(error));
                }
                counts::LATENCY.observe(&[], start.elapsed().as_secs_f64());
                self.succeed();
                Ok(values)
            }
            Ok(Some(Err((error, number)))) => {
                self.fail(&error, Some(number));
                Err(TierError::Unavailable)
            }
            // Counted by the attempt to connect.
            Ok(None) => Err(TierError::Unavailable),
            Err(_) => {
                self.fail("no answer within cache.timeout_ms", None);
                Err(TierError::Unavailable)
            }
        }
    }

    /// The probe of an open breaker.
    async fn probe(self: &Arc<Self>) {
        let mut ping = Pipeline::new();
        ping.cmd("PING");
        if self.exchange_admitted(&ping).await.is_err() && self.breaker.state().name() == "probing"
        {
            self.fail("no answer to a probe", None);
        }
    }

    fn succeed(self: &Arc<Self>) {
        self.breaker.succeed();
        if self.is_reported.load(Ordering::Relaxed)
            && self.is_reported.swap(false, Ordering::Relaxed)
        {
            log::info!(
                url = self.url.to_string().as_str();
                "second tier of the shared cache available again"
            );
        }
        if self.repairs.is_pending() {
            self.start_repair();
        }
    }

    /// Starts to remove what the server should not have any more.
    pub(super) fn start_repair(self: &Arc<Self>) {
        let tier = Arc::clone(self);
        tokio::spawn(async move { tier.repair().await });
    }

    /// Sends probes until the server answers, without waiting for a call: it may have values that were removed here.
    fn keep_probing(self: &Arc<Self>) {
        if self.is_probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let tier = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PROBE_INTERVAL).await;
                let Some(tier) = tier.upgrade() else {
                    return;
                };
                match tier.breaker.admit(Instant::now()) {
                    Admission::Allowed => {
                        tier.is_probing.store(false, Ordering::Release);
                        return;
                    }
                    Admission::Refused => {}
                    Admission::Probe => tier.probe().await,
                }
            }
        });
    }

    /// Removes what the server should not have any more.
    async fn repair(self: &Arc<Self>) {
        if self.repairs.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        loop {
            let keys = self.repairs.batch();
            if keys.is_empty() {
                break;
            }
            let mut pipeline = Pipeline::new();
            pipeline.cmd("UNLINK").arg(&keys);
            if self.exchange(pipeline).await.is_err() {
                break;
            }
            for key in &keys {
                self.repairs.forget(key);
                // The server does not report changes of what was not sent to it.
                if let (Some(key), Some(cache)) =
                    (key.strip_prefix(self.prefix.as_slice()), self.first.cache())
                {
                    cache.remove_fenced(key);
                }
            }
        }
        self.repairs.is_running.store(false, Ordering::Release);
    }

    /// Logs why the server is not available, once until it answers again.
    fn report(&self, error: &str) {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            log::warn!(
                url = self.url.to_string().as_str(), error = error;
                "second tier of the shared cache not available"
            );
        }
    }

    /// Records a failure. An error of a connection ends it, and so does the opened breaker.
    fn fail(&self, error: &str, link: Option<u64>) {
        let opened = self.breaker.fail(Instant::now());
        if opened {
            self.report(error);
        }
        let mut state = self.state();
        if let LinkState::Up(current) = &*state
            && (opened
                || self.breaker.state() != BreakerState::Closed
                || link == Some(current.number))
        {
            *state = LinkState::None;
            drop(state);
            self.drop_tracked();
        }
    }

    fn link_number(&self) -> Option<u64> {
        match &*self.state() {
            LinkState::Up(link) => Some(link.number),
            _ => None,
        }
    }

    /// An answer of another type than the command has: the connection may be out of step.
    pub(super) fn unexpected(&self) -> TierError {
        self.fail("another answer than expected", self.link_number());
        TierError::Refused("another answer than expected".into())
    }

    /// The connection, established if there is none. `None`: it failed, or may not be tried yet.
    async fn link(self: &Arc<Self>) -> Option<Arc<Link>> {
        loop {
            let mut receiver = {
                let mut state = self.state();
                match &*state {
                    LinkState::Up(link) => return Some(Arc::clone(link)),
                    LinkState::Connecting(receiver) => receiver.clone(),
                    LinkState::None if !self.breaker.may_connect(Instant::now()) => return None,
                    LinkState::None => {
                        let (sender, receiver) = watch::channel(());
                        *state = LinkState::Connecting(receiver.clone());
                        let tier = Arc::clone(self);
                        tokio::spawn(async move { tier.connect(sender).await });
                        receiver
                    }
                }
            };
            // An error: the attempt has ended.
            let _ = receiver.changed().await;
        }
    }

    async fn connect(self: Arc<Self>, _ended: watch::Sender<()>) {
        let number = self.links.fetch_add(1, Ordering::Relaxed) + 1;
        let (weak, limit) = (
            Arc::downgrade(&self),
            self.timeout.saturating_mul(CONNECT_TIMEOUTS),
        );
        let events = move |event| {
            if let Some(tier) = weak.upgrade() {
                match event {
                    Event::Changed(keys) => tier.change(keys),
                    Event::End => tier.end_link(number),
                }
            }
        };
        let limit = limit.max(Duration::from_secs(1));
        let connected = match timeout(limit, self.connector.connect(number, events)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no connection within {} ms", limit.as_millis())),
        };
        match connected {
            Ok(link) => {
                // Only an answer to a command closes the breaker: a server may accept connections, and be of no use.
                if !link.is_tracking && self.reports.swap(false, Ordering::Relaxed) {
                    log::warn!(
                        url = self.url.to_string().as_str();
                        "second tier of the shared cache does not report changes: values stay until they expire"
                    );
                }
                let link = Arc::new(link);
                self.watch(&link);
                if let Some(cache) = self.first.cache() {
                    cache.drop_covered(Coverage::Untracked);
                    if self.has_failed.swap(false, Ordering::Relaxed) {
                        // Stored before the first of these failures.
                        cache.drop_covered(Coverage::Tracked);
                    }
                }
                *self.state() = LinkState::Up(link);
            }
            Err(error) => {
                self.has_failed.store(true, Ordering::Relaxed);
                *self.state() = LinkState::None;
                counts::CONNECTION_FAILURES.inc();
                self.report(&error);
                self.fail(&error, None);
            }
        }
    }

    /// The connection of that number has ended.
    fn end_link(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, LinkState::Up(link) if link.number == number) {
            *state = LinkState::None;
            drop(state);
            self.drop_tracked();
        }
    }

    /// The tag of a value that is stored in the first tier now, and sent here.
    #[must_use]
    pub fn coverage(&self, cache: &Cache) -> Tag {
        let is_tracked = match &*self.state() {
            LinkState::Up(link) => link.is_tracking,
            // The connection that it is sent on is expected.
            LinkState::None | LinkState::Connecting(_) => {
                self.is_available() && !self.has_failed.load(Ordering::Relaxed)
            }
        };
        cache.covered(match is_tracked {
            true => Coverage::Tracked,
            false => Coverage::Untracked,
        })
    }

    /// Ends a connection that is silent although nothing is asked: what it covers would stay for ever.
    fn watch(self: &Arc<Self>, link: &Arc<Link>) {
        let (tier, link) = (Arc::downgrade(self), Arc::downgrade(link));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(WATCH_INTERVAL).await;
                let (Some(tier), Some(link)) = (tier.upgrade(), link.upgrade()) else {
                    return;
                };
                let mut ping = Pipeline::new();
                ping.cmd("PING");
                if !matches!(timeout(WATCH_INTERVAL, link.send(&ping)).await, Ok(Ok(_))) {
                    tier.end_link(link.number);
                    return;
                }
            }
        });
    }

    /// Keys have been changed by another client.
    fn change(&self, keys: Option<Vec<Vec<u8>>>) {
        let cache = self.first.cache();
        let Some(keys) = keys else {
            self.echoes.clear();
            self.flights.change_all();
            if let Some(cache) = cache {
                cache.drop_covered(Coverage::Tracked);
            }
            return;
        };
        for key in &keys {
            let Some(key) = key.strip_prefix(self.prefix.as_slice()) else {
                continue;
            };
            match key.strip_prefix(OWN_KEYS) {
                Some(own) => {
                    if let (Some(tag), Some(cache)) = (own.strip_prefix(TAG_KEYS), cache) {
                        cache.invalidate_tag(tag);
                    }
                }
                None => {
                    self.flights.change(key);
                    if self.echoes.take(key) {
                        continue;
                    }
                    // A store that waits is not to be followed by the value before it.
                    self.queue.change(key, || {
                        if let Some(cache) = cache {
                            cache.remove_changed(key);
                        }
                    });
                }
            }
        }
        counts::CHANGES.add(keys.len() as u64);
    }

    /// What the connection has covered is not reported any more.
    fn drop_tracked(&self) {
        self.echoes.clear();
        self.flights.change_all();
        if let Some(cache) = self.first.cache() {
            cache.drop_covered(Coverage::Tracked);
        }
    }

    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error of the server is one of its state, and not of a command.
fn is_unusable(code: &str) -> bool {
    matches!(
        code,
        "LOADING" | "MASTERDOWN" | "NOAUTH" | "CLUSTERDOWN" | "READONLY"
    )
}

impl Source for SecondTier {
    fn read(&self, samples: &mut Samples) {
        let connected = f64::from(u8::from(self.is_connected()));
        samples.add(&metrics::cache::CONNECTIVITY, &[], connected);
        for (metric, part) in [
            (&metrics::cache::LATENCY_P50, 0.5),
            (&metrics::cache::LATENCY_P95, 0.95),
            (&metrics::cache::LATENCY_P99, 0.99),
        ] {
            samples.add(metric, &[], counts::LATENCY.quantile(&[], part));
        }
    }
}
