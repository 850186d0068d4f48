//! Requests of workers that have no job yet see to it that what dead processes left for Sentry is adopted: once a
//! second the first request that begins has a look. On PHP's thread.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use pillion_engine::worker::Script;

use super::runtimes::script;
use crate::{engine, thread_state::Thread};

const LOOK_EVERY: u64 = 1000;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// Milliseconds after `BEGUN` at which the next look is due.
static DUE: AtomicU64 = AtomicU64::new(0);

/// A request may begin.
#[inline]
pub fn begins() {
    let noted = Thread::with(|thread| thread.worker.noted().map(|noted| noted.at));
    let Some(at) = noted else {
        return;
    };
    let now = at.saturating_duration_since(*BEGUN).as_millis() as u64;
    if now >= DUE.load(Ordering::Relaxed) {
        DUE.store(now + LOOK_EVERY, Ordering::Relaxed);
        look();
    }
}

/// A command's end does it, where it has to do with Sentry at all.
#[cold]
fn look() {
    if engine::sapi() == "cli" && script::kind() != Script::Loop {
        return;
    }
    engine::current().adopt_without_leader();
}
