//! Finds leaks: where a loop waits for its next request, after the reset and the application's own cleanup, it
//! measures everything that outlives requests. The engine's `worker::leaks` decides which growth is a leak; the leaks
//! are named here, while the values are still there. The first request of a script loads and fills what all requests
//! share, so growth counts from the state after it. Runs on PHP's thread, between requests.

pub mod heap_walk;
mod report;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU32, Ordering},
};

use pillion_engine::{
    config::Every,
    host::clock,
    worker::leaks::{self, AddressMap},
};
use serde_json::Value;

use crate::residue::session::Session;
use crate::{thread_state::Thread, zend::memory};
use heap_walk::HeapWalk;

/// `worker.leak_check`, as a number. Set in MINIT: php-fpm's pools, which read their settings later, have no loops.
static EVERY: AtomicU32 = AtomicU32::new(0);

/// Leaks that one check reports.
const MAX_LEAKS: usize = 200;
/// Names that are remembered as logged.
const MAX_LOGGED_NAMES: usize = 1000;

/// The leak check of one loop.
pub struct LeakCheck {
    /// `None` while a check runs.
    walk: Option<HeapWalk>,
    /// When the first check began, in seconds since 1970.
    began: u64,
    leaks: Vec<Value>,
    /// Hashes of the names that were logged.
    logged: AddressMap<u64, ()>,
    /// It was logged that not everything was compared.
    is_truncation_logged: bool,
}

impl LeakCheck {
    fn new() -> Self {
        Self {
            walk: Some(HeapWalk::default()),
            began: clock::unix_ms() / 1000,
            leaks: Vec::new(),
            logged: AddressMap::default(),
            is_truncation_logged: false,
        }
    }

    /// The number of leaks at the last check.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.leaks.len() as u64
    }

    fn is_new_name(&mut self, name: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.logged.len() < MAX_LOGGED_NAMES && self.logged.insert(hasher.finish(), ()).is_none()
    }
}

/// Takes the setting. In MINIT.
pub fn set(every: Every) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// Called where a loop is about to wait for its next request, or to begin it: everything that belongs to the last
/// one is over, the application's own cleanup too. Checks if the setting says so.
pub fn before_wait() {
    let ended = Thread::with(|thread| {
        let local = &mut thread.worker;
        // RoadRunner's methods that wait call each other: once for each request.
        if local.is_in_request()
            || std::mem::replace(&mut local.waited, local.looped) == local.looped
        {
            return None;
        }
        let gc = memory::gc_state();
        let has_run = std::mem::replace(&mut local.runs, gc.runs) != gc.runs;
        let has_no_garbage = gc.has_no_garbage || has_run;
        local
            .trend
            .add(has_no_garbage.then(|| memory::used() as u64));
        Some(local.looped)
    });
    let every = EVERY.load(Ordering::Relaxed);
    if let Some(ended) = ended
        && leaks::is_due(every, ended)
    {
        check();
    }
}

/// The leaks at the last check.
#[must_use]
pub fn current_leaks() -> Value {
    Thread::with(|thread| {
        let check = thread.worker.leak_check.as_ref();
        Value::Array(check.map_or_else(Vec::new, |check| check.leaks.clone()))
    })
}

#[cold]
fn check() {
    let taken = Thread::with(|thread| {
        let check = &mut thread.worker.leak_check;
        let check = check.get_or_insert_with(|| Box::new(LeakCheck::new()));
        Some((check.walk.take()?, check.began))
    });
    let Some((walk, began)) = taken else {
        return;
    };
    let Some((walk, found)) = walk.detect(Session::find().is_open(), began) else {
        heap_walk::end_script();
    };
    let mut leaks = Vec::new();
    for leak in found.iter().take(MAX_LEAKS) {
        leaks.extend(report::entries(&walk, leak));
    }
    let is_truncated = walk.is_truncated;
    let (new, is_truncated) = Thread::with(|thread| {
        let Some(check) = thread.worker.leak_check.as_mut() else {
            return (Vec::new(), false);
        };
        let mut new = leaks.clone();
        new.retain(|leak| check.is_new_name(report::text(leak, "name")));
        (check.walk, check.leaks) = (Some(walk), leaks);
        let is_first = is_truncated && !std::mem::replace(&mut check.is_truncation_logged, true);
        (new, is_first)
    });
    // `leaks()` has each for as long as it lasts, the log once.
    new.iter().for_each(report::log_entry);
    if is_truncated {
        log::info!("leak check has reached its limits: some values are not compared");
    }
}
