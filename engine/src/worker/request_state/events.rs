//! The words of the state machine: what runtimes see, where a thread stands, what has to be done, and what an
//! application may do wrong. Plain values.

/// What kind of script starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A request, whatever it does: php-fpm, PHP's own server.
    Request,
    /// A request, unless it turns out to be a loop: the command line, FrankenPHP.
    Likely,
    /// Serves requests, and is none: a RoadRunner worker.
    Loop,
}

/// What a runtime sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A script starts.
    ScriptStarts(Script),
    /// It ends, however it does.
    ScriptEnds,
    /// FrankenPHP prepares what its handler is to serve, which may be its call to stop.
    Activated,
    /// FrankenPHP's handler came back, with a request served or (`false`) without.
    Handled(bool),
    /// RoadRunner's worker asks for the next request: the one before is over.
    Waits,
    /// RoadRunner's worker has got a request or (`false`) the word to stop.
    Received(bool),
    /// `Worker\request_begin`.
    ManualBegin,
    /// `Worker\request_end`.
    ManualEnd,
}

/// Who opened the request.
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

/// Where the thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestState {
    /// No script runs.
    #[default]
    Outside,
    /// A loop runs, and no request is under way.
    Between,
    /// A request, as it seems.
    Likely(OpenedBy),
    /// A request for certain.
    Open(OpenedBy),
}

/// What has to be done, in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an action of its own, and a effects may take several"
)]
pub struct Effects {
    /// What was has_candidate was no request: forget it.
    pub discard: bool,
    /// A request may start now: note time and memory.
    pub start_candidate: bool,
    /// It counts as begun.
    pub begin: bool,
    /// It is over.
    pub end: bool,
}

/// Why a call of the application's is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStateError {
    /// `request_begin` within a request that `request_begin` opened.
    AlreadyBegun,
    /// The runtime tells by itself where requests begin and end.
    TrackedByRuntime(OpenedBy),
    /// `request_end` without `request_begin`.
    NotBegun,
}
