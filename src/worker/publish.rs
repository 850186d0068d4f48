//! What this PHP thread tells the other workers of the host, in a slot of its own. Workers of a loop take one
//! when their first request is over; where each request is a script, the processes that take part in the host
//! anyway do. On PHP's thread; a few stores into memory a request, and now and then a look whether the slot is
//! still its own.

use std::time::{Duration, Instant};

use pillion_engine::{
    host::{clock, fork},
    worker::{
        Script,
        registry::{WorkerField, WorkerSlot},
    },
};

use super::{REQUEST_STATS, identity, restarts, runtimes::script};
use crate::{engine, thread_state::Thread, zend::memory};

/// How often the thread looks whether it still has its slot, and tries for one that it did not get.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Requests between two times that percentiles are worked out.
const PERCENTILES_EVERY: u64 = 64;

/// A thread's slot.
#[derive(Default)]
pub struct Seated {
    seat: Option<WorkerSlot>,
    looked: Option<Instant>,
    /// The wall clock then: what is told is counted from there, so that a request reads no further clock.
    wall_ms: u64,
    /// Requests that have ended on this thread.
    served: u64,
    /// In which process, counted from the first one by forks.
    generation: u32,
}

impl Seated {
    /// The slot; not that of the process that this one was forked from.
    fn seat(&self) -> Option<&WorkerSlot> {
        self.seat.as_ref().filter(|seat| seat.is_owned())
    }

    /// A moment, in milliseconds since 1970.
    fn wall(&self, at: Option<Instant>) -> u64 {
        let since = at
            .zip(self.looked)
            .map(|(at, looked)| at.saturating_duration_since(looked));
        let ms = since.unwrap_or_default().as_millis();
        self.wall_ms.saturating_add(u64::try_from(ms).unwrap_or(0))
    }
}

/// A request may begin.
#[inline]
pub fn begins() {
    Thread::with(|thread| {
        if let Some(seat) = thread.seat.seat() {
            let at = thread.worker.noted().map(|noted| noted.at);
            seat.set(WorkerField::RequestStartedMs, thread.seat.wall(at));
            seat.set(WorkerField::BaselineMemory, thread.worker.baseline() as u64);
        }
    });
}

/// What seemed to be a request was none.
#[inline]
pub fn dropped() {
    Thread::with(|thread| {
        if let Some(seat) = thread.seat.seat() {
            seat.set(WorkerField::RequestStartedMs, 0);
        }
    });
}

/// It is over.
#[inline]
pub fn ended() {
    let is_due = Thread::with(|thread| {
        let seated = &mut thread.seat;
        if seated.generation != fork::generation() {
            (seated.looked, seated.served) = (None, 0);
        }
        seated.served += 1;
        let since = thread.worker.over.zip(seated.looked);
        since.is_none_or(|(now, looked)| now - looked >= LOOK_EVERY)
    });
    if is_due {
        look();
    }
    Thread::with(|thread| {
        let Some(seat) = thread.seat.seat() else {
            return;
        };
        let requests = thread.seat.served;
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        seat.set(WorkerField::Requests, requests);
        seat.set(WorkerField::LastDurationUs, us(thread.worker.took));
        seat.set(WorkerField::RequestStartedMs, 0);
        seat.set(
            WorkerField::RequestEndedMs,
            thread.seat.wall(thread.worker.over),
        );
        seat.set(WorkerField::Memory, memory::usage() as u64);
        seat.set(WorkerField::PeakMemory, memory::peak() as u64);
        seat.set(WorkerField::BaselineMemory, thread.worker.baseline() as u64);
        seat.set(WorkerField::Leaks, thread.worker.leaks());
        if is_due || requests.is_multiple_of(PERCENTILES_EVERY) {
            let counts = REQUEST_STATS.counts();
            seat.set(WorkerField::P50Us, us(counts.p50));
            seat.set(WorkerField::P99Us, us(counts.p99));
        }
    });
}

/// Takes a slot, where this thread is to have one and has none.
#[cold]
fn look() {
    let is_loop = Thread::with(|thread| {
        thread.seat.looked = Some(Instant::now());
        thread.seat.wall_ms = clock::unix_ms();
        thread.seat.generation = fork::generation();
        thread.worker.looped > 0
    });
    let is_worker = is_loop
        || (script::kind() == Script::Request
            && engine::existing().is_some_and(|process| process.is_host_member()));
    if !is_worker {
        return;
    }
    let process = engine::current();
    let is_seated = Thread::with(|thread| {
        let seat = thread
            .seat
            .seat
            .take_if(|seat| !process.is_registered(seat));
        drop(seat);
        thread.seat.seat.is_some()
    });
    if is_seated {
        return;
    }
    let Some(seat) = process.register_worker() else {
        return;
    };
    let thread = u64::try_from(engine::thread_id()).unwrap_or(0);
    seat.set(WorkerField::Thread, thread);
    seat.set(WorkerField::RegisteredMs, clock::unix_ms());
    seat.set(WorkerField::Mode, identity::mode().code());
    seat.set(WorkerField::Restarts, restarts());
    seat.publish();
    Thread::with(|thread| thread.seat.seat = Some(seat));
}
