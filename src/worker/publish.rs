//! Publishes the statistics of this PHP thread to the other workers of the host, in a slot of the worker registry.
//! Workers of a loop take a slot when their first request has ended; where each request is a script, processes that
//! have joined the host anyway do. On PHP's thread: a few stores into shared memory a request, and every few seconds a
//! check that the slot is still its own.

use std::time::{Duration, Instant};

use pillion_engine::{
    host::{clock, fork},
    worker::{
        Script,
        registry::{WorkerField, WorkerSlot},
        request_stats,
    },
};

use super::{
    mode, process_stats,
    runtimes::{self, Runtime},
    state,
};
use crate::{
    engine, leak_check,
    thread_state::thread_state,
    zend::{memory, request_line, sapi},
};

/// Between two checks that the thread still has its slot, or attempts to take one.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Number of requests between two computations of percentiles.
const PERCENTILES_INTERVAL: u64 = 64;

thread_state! {
    static PUBLISHED: PublishedStats = PublishedStats::new();
}

/// The slot of a thread.
struct PublishedStats {
    slot: Option<WorkerSlot>,
    checked: Option<Instant>,
    /// The wall clock at [`Self::checked`]: times are computed from it, so that a request reads no further clock.
    checked_ms: u64,
    /// Number of requests that have ended on this thread.
    requests: u64,
    /// Number of forks between the first process and the one that has stored this.
    generation: u32,
}

impl PublishedStats {
    const fn new() -> Self {
        Self {
            slot: None,
            checked: None,
            checked_ms: 0,
            requests: 0,
            generation: 0,
        }
    }

    /// The slot; not that of the process that this one was forked from.
    fn slot(&self) -> Option<&WorkerSlot> {
        self.slot.as_ref().filter(|slot| slot.is_owned())
    }

    /// A time in milliseconds since 1970.
    fn unix_ms(&self, at: Option<Instant>) -> u64 {
        let since = at
            .zip(self.checked)
            .map(|(at, checked)| at.saturating_duration_since(checked));
        let ms = since.unwrap_or_default().as_millis();
        self.checked_ms
            .saturating_add(u64::try_from(ms).unwrap_or(0))
    }
}

/// A possible request has started.
#[inline]
pub(super) fn request_started() {
    let start = state::request_start();
    PUBLISHED.with(|published| {
        if let Some(slot) = published.slot() {
            let at = start.map(|start| start.at);
            match runtimes::current() {
                // Stored with the slot: the script is the same for all requests.
                Runtime::Cli => {}
                // Comes with the frame's payload.
                Runtime::RoadRunner => slot.clear_request(),
                // FrankenPHP: the path after rewriting, until `$_SERVER` has the client's.
                Runtime::FrankenPhp | Runtime::Other => {
                    request_line::named(|method, uri| slot.set_request(method, uri));
                }
                Runtime::Server => {
                    request_line::sent(|method, uri| slot.set_request(method, uri));
                }
            }
            slot.set(WorkerField::RequestStartedMs, published.unix_ms(at));
            slot.set(WorkerField::BaselineMemory, state::memory_baseline() as u64);
        }
    });
}

/// Method and path of the request have arrived, after its start.
pub(super) fn request_known(method: &[u8], path: &[u8]) {
    PUBLISHED.with(|published| {
        if let Some(slot) = published.slot() {
            slot.set_request(method, path);
        }
    });
}

/// The possible request was none.
#[inline]
pub(super) fn request_discarded() {
    PUBLISHED.with(|published| {
        if let Some(slot) = published.slot() {
            slot.set(WorkerField::RequestStartedMs, 0);
        }
    });
}

/// A request has ended.
#[inline]
pub(super) fn request_ended() {
    let last = state::last_request();
    let is_due = PUBLISHED.with(|published| {
        if published.generation != fork::generation() {
            (published.checked, published.requests) = (None, 0);
        }
        published.requests += 1;
        let times = last.ended_at.zip(published.checked);
        times.is_none_or(|(now, checked)| now - checked >= CHECK_INTERVAL)
    });
    if is_due {
        check_slot();
    }
    PUBLISHED.with(|published| {
        let Some(slot) = published.slot() else {
            return;
        };
        let requests = published.requests;
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        slot.set(WorkerField::Requests, requests);
        slot.set(WorkerField::LastDurationUs, us(last.duration));
        slot.set(WorkerField::RequestStartedMs, 0);
        slot.set(
            WorkerField::RequestEndedMs,
            published.unix_ms(last.ended_at),
        );
        slot.set(WorkerField::Memory, memory::usage() as u64);
        slot.set(WorkerField::PeakMemory, memory::peak() as u64);
        slot.set(WorkerField::BaselineMemory, state::memory_baseline() as u64);
        slot.set(WorkerField::Leaks, leak_check::count());
        if is_due || requests.is_multiple_of(PERCENTILES_INTERVAL) {
            let counts = request_stats::counts();
            slot.set(WorkerField::P50Us, us(counts.p50));
            slot.set(WorkerField::P99Us, us(counts.p99));
        }
    });
}

/// Takes a slot, where this thread should have one and has none.
#[cold]
fn check_slot() {
    PUBLISHED.with(|published| {
        published.checked = Some(Instant::now());
        published.checked_ms = clock::unix_ms();
        published.generation = fork::generation();
    });
    let is_worker = state::loop_requests() > 0
        || (runtimes::current().script() == Script::Request
            && engine::existing().is_some_and(|engine| engine.is_host_member()));
    if !is_worker {
        return;
    }
    let engine = engine::current();
    let has_slot = PUBLISHED.with(|published| {
        let lost = published.slot.take_if(|slot| !engine.is_registered(slot));
        drop(lost);
        published.slot.is_some()
    });
    if has_slot {
        return;
    }
    let Some(slot) = engine.register_worker() else {
        return;
    };
    slot.set(
        WorkerField::Thread,
        u64::try_from(sapi::thread_id()).unwrap_or(0),
    );
    slot.set(WorkerField::RegisteredMs, clock::unix_ms());
    slot.set(WorkerField::Mode, mode::current().code());
    slot.set(WorkerField::Restarts, process_stats::restarts());
    if runtimes::current() == Runtime::Cli {
        slot.set_request(b"", &sapi::script());
    }
    slot.publish();
    PUBLISHED.with(|published| published.slot = Some(slot));
}

/// Gives the slot back. In GSHUTDOWN.
pub(super) fn thread_shutdown() {
    PUBLISHED.replace(PublishedStats::new());
}
