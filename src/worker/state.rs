//! The request of each PHP thread: the engine's state machine, and when the request started. On PHP's threads.

use std::time::{Duration, Instant};

use pillion_engine::worker::{
    Effects, Event, RequestStateError, RequestTracker,
    request_state::{OpenedBy, RequestState},
};

use crate::{thread_state::thread_state, zend::memory};

thread_state! {
    static STATE: ThreadRequests = ThreadRequests::new();
}

#[derive(Clone, Copy)]
struct ThreadRequests {
    tracker: RequestTracker,
    start: Option<RequestStart>,
    serial: u64,
    ended: u64,
    loop_requests: u64,
    last: LastRequest,
}

/// The start of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestStart {
    /// When it started.
    pub at: Instant,
    /// PHP's memory then, in bytes.
    pub memory: usize,
}

/// The request that has ended last on this thread.
#[derive(Debug, Clone, Copy)]
pub struct LastRequest {
    /// When it ended; `None` if none has ended in this script.
    pub ended_at: Option<Instant>,
    /// How long it took.
    pub duration: Duration,
    /// PHP's memory when it started, in bytes.
    pub baseline: usize,
}

impl ThreadRequests {
    const fn new() -> Self {
        Self {
            tracker: RequestTracker::new(),
            start: None,
            serial: 0,
            ended: 0,
            loop_requests: 0,
            last: LastRequest {
                ended_at: None,
                duration: Duration::ZERO,
                baseline: 0,
            },
        }
    }
}

/// The state of the thread's state machine.
#[must_use]
pub fn current() -> RequestState {
    STATE.with(|state| state.tracker.state())
}

/// Whether a request is in progress.
#[must_use]
pub fn is_in_request() -> bool {
    STATE.with(|state| state.tracker.is_in_request())
}

/// Whether a request of RoadRunner's is in progress.
#[must_use]
pub fn is_in_received_request() -> bool {
    current() == RequestState::Open(OpenedBy::Received)
}

/// Whether the script has turned out to be a loop that serves requests.
#[must_use]
pub fn is_loop() -> bool {
    STATE.with(|state| state.tracker.is_loop())
}

/// The start of the request in progress.
#[must_use]
pub fn request_start() -> Option<RequestStart> {
    STATE.with(|state| state.start)
}

/// The number of the current or last request of this script: values that belong to a request carry it.
#[must_use]
pub fn serial() -> u64 {
    STATE.with(|state| state.serial)
}

/// Number of requests that have ended on this thread.
#[must_use]
pub fn requests_ended() -> u64 {
    STATE.with(|state| state.ended)
}

/// Number of requests of this script's loop that have started.
#[must_use]
pub fn loop_requests() -> u64 {
    STATE.with(|state| state.loop_requests)
}

/// The request that has ended last.
#[must_use]
pub fn last_request() -> LastRequest {
    STATE.with(|state| state.last)
}

/// PHP's memory when the request in progress, or else the last one, started, in bytes.
#[must_use]
pub fn memory_baseline() -> usize {
    STATE.with(|state| {
        state
            .start
            .map_or(state.last.baseline, |start| start.memory)
    })
}

/// Advances the state machine. Its effects are left to [`super::transition`].
///
/// # Errors
/// The application has called a function that this state does not allow.
pub(super) fn advance(event: Event) -> Result<Effects, RequestStateError> {
    STATE.with(|state| state.tracker.apply(event))
}

/// A possible request starts.
pub(super) fn start_request() {
    STATE.with(|state| {
        state.serial += 1;
        if state.tracker.is_loop() {
            state.loop_requests += 1;
        }
        state.start = Some(RequestStart {
            at: Instant::now(),
            memory: memory::usage(),
        });
    });
}

/// The possible request was none.
pub(super) fn discard_request() {
    STATE.with(|state| state.start = None);
}

/// The request has ended.
pub(super) fn end_request() -> LastRequest {
    STATE.with(|state| {
        let start = state.start.take();
        let now = Instant::now();
        state.last = LastRequest {
            ended_at: Some(now),
            duration: start.map_or(Duration::ZERO, |start| now - start.at),
            baseline: start.map_or(0, |start| start.memory),
        };
        state.ended += 1;
        state.last
    })
}

/// A script starts: only the number of requests goes on. In RINIT.
pub(super) fn script_startup() {
    STATE.with(|state| {
        *state = ThreadRequests {
            ended: state.ended,
            ..ThreadRequests::new()
        };
    });
}
