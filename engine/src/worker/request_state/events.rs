//! The values of the state machine: events from the runtimes, states of a thread, effects to apply, and errors of
//! the application. Plain values.

/// The kind of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Always a request: php-fpm, PHP's own server.
    Request,
    /// A request, or perhaps a loop: the command line, FrankenPHP.
    Likely,
    /// A loop that serves requests: a RoadRunner worker.
    Loop,
}

/// An event that a runtime reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A script starts.
    ScriptStarts(Script),
    /// The script ends, in any way.
    ScriptEnds,
    /// FrankenPHP activates a request for its handler, or a stop.
    Activated,
    /// FrankenPHP's handler returns; `true` if it has served a request.
    Handled(bool),
    /// RoadRunner's worker waits for the next request: the one before is over.
    Waits,
    /// RoadRunner's worker receives a request (`true`) or a stop.
    Received(bool),
    /// `Worker\request_begin`.
    ManualBegin,
    /// `Worker\request_end`.
    ManualEnd,
}

/// The event that opened the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedBy {
    /// The script is the request.
    Script,
    /// `frankenphp_handle_request`.
    Handler,
    /// RoadRunner's `waitPayload`.
    Received,
    /// `Worker\request_begin`.
    Manual,
}

/// The state of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestState {
    /// No script runs.
    #[default]
    Outside,
    /// A loop runs, between two requests.
    Between,
    /// A candidate: a request, or not.
    Likely(OpenedBy),
    /// A request.
    Open(OpenedBy),
}

/// The effects of an event, to be applied in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the effects are independent of each other"
)]
pub struct Effects {
    /// The candidate was no request: discard it.
    pub discard: bool,
    /// A request may start now: record time and memory.
    pub start_candidate: bool,
    /// The candidate is a request: count it.
    pub begin: bool,
    /// The request is over.
    pub end: bool,
}

/// Why a call of `request_begin` or `request_end` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStateError {
    /// `request_begin` within a request that `request_begin` opened.
    AlreadyBegun,
    /// The runtime reports itself where requests begin and end.
    TrackedByRuntime(OpenedBy),
    /// `request_end` without `request_begin`.
    NotBegun,
}
