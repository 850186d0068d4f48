//! Adoption of the Sentry outboxes of dead processes, by workers that have no job yet: once a second the first
//! request that starts triggers it. On PHP's threads.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{
    runtimes::{self, Runtime},
    state,
};
use crate::engine;

/// In milliseconds.
const CHECK_INTERVAL: u64 = 1000;

static FIRST_USE: LazyLock<Instant> = LazyLock::new(Instant::now);
/// When the next check is due, in milliseconds after [`FIRST_USE`].
static DUE: AtomicU64 = AtomicU64::new(0);

/// A possible request has started.
#[inline]
pub(super) fn request_started() {
    let Some(start) = state::request_start() else {
        return;
    };
    let now = start.at.saturating_duration_since(*FIRST_USE).as_millis() as u64;
    if now >= DUE.load(Ordering::Relaxed) {
        DUE.store(now + CHECK_INTERVAL, Ordering::Relaxed);
        check();
    }
}

/// A command on the console checks at its end, and only if it has used Sentry.
#[cold]
fn check() {
    if runtimes::current() != Runtime::Cli {
        engine::current().adopt_without_leader();
    }
}
