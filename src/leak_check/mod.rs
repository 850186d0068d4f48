//! Finds leaks: where a loop waits for its next request, after the reset and the application's own cleanup, it
//! measures everything that outlives requests. The engine's `worker::leaks` decides which growth is a leak; the leaks
//! are named here, while the values are still there. The first request of a script loads and fills what all requests
//! share, so growth counts from the state after it. Runs on PHP's thread, between requests.

pub mod heap_walk;
mod report;

use std::sync::atomic::{AtomicU32, Ordering};

use pillion_engine::{
    config::Sampling,
    host::clock,
    worker::leaks::{self, AddressMap},
};
use serde_json::Value;

use crate::{residue::session::Session, thread_state::thread_state, zend::value};
use heap_walk::HeapWalk;

/// `worker.leak_check`, as a number. Set in MINIT: php-fpm's pools, which read their settings later, have no loops.
static EVERY: AtomicU32 = AtomicU32::new(0);

/// Leaks that one check reports.
const MAX_LEAKS: usize = 200;
/// Names that are remembered as logged.
const MAX_LOGGED_NAMES: usize = 1000;

thread_state! {
    /// The check of this script's loop, once it was due.
    static CHECK: Option<Box<LeakCheck>> = None;
}

/// The leak check of one loop.
struct LeakCheck {
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

    fn is_new_name(&mut self, name: &str) -> bool {
        let hash = value::hash(name.as_bytes());
        self.logged.len() < MAX_LOGGED_NAMES && self.logged.insert(hash, ()).is_none()
    }
}

/// Applies the setting. In MINIT, and in RINIT where it has changed.
pub fn configure(every: Sampling) {
    EVERY.store(every.number(), Ordering::Relaxed);
}

/// Checks if the setting says so. Called where a loop is about to wait for its next request, or to begin it: the last
/// one, number `requests` of the loop, has ended, and the application's own cleanup too.
pub fn check_after(requests: u64) {
    if leaks::is_due(EVERY.load(Ordering::Relaxed), requests) {
        check();
    }
}

/// The number of leaks at the last check.
#[must_use]
pub fn count() -> u64 {
    CHECK.with(|check| check.as_ref().map_or(0, |check| check.leaks.len() as u64))
}

/// Forgets the script before. In RINIT, and in GSHUTDOWN.
pub fn clear() {
    drop(CHECK.replace(None));
}

/// The leaks at the last check.
#[must_use]
pub fn current_leaks() -> Value {
    CHECK.with(|check| {
        let leaks = check.as_ref().map(|check| check.leaks.clone());
        Value::Array(leaks.unwrap_or_default())
    })
}

#[cold]
fn check() {
    let taken = CHECK.with(|check| {
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
    let (new, is_truncated) = CHECK.with(|check| {
        let Some(check) = check.as_mut() else {
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
