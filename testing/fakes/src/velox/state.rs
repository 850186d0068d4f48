//! State shared by all connections of one server, behind one std mutex: every use is a few map operations and never
//! waits, so an async mutex would only add cost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::counters::{Counters, REMEMBERED, Seen};
use super::files::Layout;
use super::options::{Script, Settings};
use super::progress::Track;
use super::rules::Rules;
use crate::http::Request;

/// Number of builds that progress keeps.
const TRACKED: usize = 200;

pub(super) struct State {
    pub(super) layout: Layout,
    pub(super) started: Instant,
    first: Script,
    /// Released names; see [`Behaviour::until_released`](super::behaviour::Behaviour::until_released).
    released: watch::Sender<BTreeSet<String>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) rules: Rules,
    /// Hashes of the running builds.
    pub(super) in_flight: BTreeSet<String>,
    /// Paths of finished builds by hash, which the real server keeps for 30 minutes.
    pub(super) cache: BTreeMap<String, String>,
    /// Number of builds per configuration: each build of one configuration has different bytes.
    pub(super) built: BTreeMap<String, u64>,
    pub(super) tracks: VecDeque<Track>,
    pub(super) counters: Counters,
    last_number: u64,
}

/// Outcome of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Failed,
    /// The default: the build was dropped because the client closed the connection.
    Cancelled,
}

/// The exclusive right to build a configuration. Dropping it ends the build in any case.
pub(super) struct Slot {
    state: Arc<State>,
    pub(super) hash: String,
    number: u64,
    pub(super) end: End,
}

impl State {
    pub(super) fn new(layout: Layout, script: Script) -> Self {
        let state = Self {
            layout,
            started: Instant::now(),
            first: script,
            released: watch::Sender::default(),
            inner: Mutex::default(),
        };
        let first = state.first.clone();
        state.lock().apply(&first);
        state
    }

    /// A panic with the lock held has already failed its test; the others can continue.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Restores the state of the server's start. Running builds continue, and still count as in flight.
    pub(super) fn reset(&self) {
        let mut inner = self.lock();
        let running = inner.in_flight.len() as u64;
        let hashes: Vec<String> = inner.cache.keys().cloned().collect();
        *inner = Inner {
            in_flight: std::mem::take(&mut inner.in_flight),
            built: std::mem::take(&mut inner.built),
            last_number: inner.last_number,
            counters: Counters {
                in_flight: running,
                max_in_flight: running,
                ..Counters::default()
            },
            ..Inner::default()
        };
        inner.apply(&self.first);
        self.released.send_modify(BTreeSet::clear);
        self.forget(&inner, hashes);
    }

    /// Continues the builds that wait for this name, and later ones.
    pub(super) fn release(&self, name: &str) {
        self.released.send_modify(|names| {
            names.insert(name.to_owned());
        });
    }

    /// Returns as soon as the name is released.
    pub(super) async fn released(&self, name: &str) {
        let mut names = self.released.subscribe();
        // The sender lives as long as `self`.
        let _ = names.wait_for(|names| names.contains(name)).await;
    }

    /// Empties the cache, as after the real server's 30 minutes: deletes the file of each build.
    pub(super) fn expire(&self) {
        let mut inner = self.lock();
        let hashes: Vec<String> = std::mem::take(&mut inner.cache).into_keys().collect();
        self.forget(&inner, hashes);
    }

    fn forget(&self, inner: &Inner, hashes: Vec<String>) {
        for hash in hashes
            .iter()
            .filter(|hash| !inner.in_flight.contains(*hash))
        {
            // A file that can't be deleted is one more fault for the client.
            let _ = self.layout.forget(hash);
        }
    }

    /// Counts a request and returns its number for [`State::note`].
    pub(super) fn seen(&self, request: &Request) -> u64 {
        let at = self.seconds();
        let mut inner = self.lock();
        inner.last_number += 1;
        inner.counters.requests += 1;
        let seen = Seen {
            number: inner.last_number,
            at,
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            ..Seen::default()
        };
        if inner.counters.recent.len() == REMEMBERED {
            inner.counters.recent.pop_front();
        }
        inner.counters.recent.push_back(seen);
        inner.last_number
    }

    /// Updates the record of a request.
    pub(super) fn note(&self, number: u64, add: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self
            .lock()
            .counters
            .recent
            .iter_mut()
            .rev()
            .find(|seen| seen.number == number)
        {
            add(seen);
        }
    }
}

impl Inner {
    pub(super) fn apply(&mut self, script: &Script) {
        self.settings.apply(script);
        script
            .behaviours
            .iter()
            .for_each(|behaviour| self.rules.add(behaviour.clone()));
    }

    /// Begins a build; returns the slot and the number of builds of this configuration.
    pub(super) fn occupy(&mut self, state: &Arc<State>, hash: &str, track: Track) -> (Slot, u64) {
        self.in_flight.insert(hash.to_owned());
        let running = self.in_flight.len() as u64;
        self.counters.builds_started += 1;
        self.counters.in_flight = running;
        self.counters.max_in_flight = self.counters.max_in_flight.max(running);
        let count = self.built.entry(hash.to_owned()).or_default();
        *count += 1;
        let slot = Slot {
            state: Arc::clone(state),
            hash: hash.to_owned(),
            number: track.number,
            end: End::Cancelled,
        };
        let count = *count;
        if self.tracks.len() == TRACKED {
            self.tracks.pop_front();
        }
        self.tracks.push_back(track);
        (slot, count)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        inner.in_flight.remove(&self.hash);
        inner.counters.in_flight = inner.in_flight.len() as u64;
        match self.end {
            End::Finished => inner.counters.builds_finished += 1,
            End::Failed => inner.counters.builds_failed += 1,
            End::Cancelled => inner.counters.builds_cancelled += 1,
        }
        if let Some(track) = inner
            .tracks
            .iter_mut()
            .find(|track| track.number == self.number)
        {
            track.ended = Some((Instant::now(), self.end));
        }
    }
}
