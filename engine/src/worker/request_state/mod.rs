//! State machine of the requests of one PHP thread, for all runtimes: where a logical request begins and ends. Each
//! runtime reports events, in a file of its own of the extension, and is independent of the others.
//!
//! A script may turn out to be a worker's loop, and an activation of FrankenPHP's may turn out to be a stop. Such a
//! request is a candidate at first (*likely*), and counted once it is certain.
//!
//! | state | event | next | does |
//! | --- | --- | --- | --- |
//! | outside | script starts, always a request | open, script | start candidate, begin |
//! | outside | script starts, perhaps a loop | likely, script | start candidate |
//! | outside | script starts, a loop | between | |
//! | likely, script | script ends | outside | begin, end |
//! | likely, script | activated | likely, handler | discard, start candidate |
//! | likely, script | request_begin | open, manual | discard, start candidate, begin |
//! | likely, handler | handled | between | begin, end |
//! | likely, handler | stopped | between | discard |
//! | likely, handler | script ends | outside | begin, end |
//! | between | activated | likely, handler | start candidate |
//! | between | received | open, received | start candidate, begin |
//! | between | request_begin | open, manual | start candidate, begin |
//! | between | script ends | outside | |
//! | open, received | waits | between | end |
//! | open, manual | request_end | between | end |
//! | open, any | script ends | outside | end |
//!
//! `request_begin` is refused while a request is open, `request_end` unless `request_begin` opened it.
//! All other pairs of state and event change nothing. Runs on PHP's thread.

mod events;
#[cfg(test)]
mod tests;

pub use events::{Effects, Event, OpenedBy, RequestState, RequestStateError, Script};

/// The state machine of one PHP thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestTracker(RequestState);

const NO_EFFECT: Effects = Effects {
    discard: false,
    start_candidate: false,
    begin: false,
    end: false,
};
const DISCARD: Effects = Effects {
    discard: true,
    ..NO_EFFECT
};
const START_CANDIDATE: Effects = Effects {
    start_candidate: true,
    ..NO_EFFECT
};
const START_REQUEST: Effects = Effects {
    begin: true,
    ..START_CANDIDATE
};
const END: Effects = Effects {
    end: true,
    ..NO_EFFECT
};
const COUNT_AND_END: Effects = Effects { begin: true, ..END };

impl RequestTracker {
    /// The state machine before the first script.
    #[must_use]
    pub const fn new() -> Self {
        Self(RequestState::Outside)
    }

    /// The current state.
    #[must_use]
    pub const fn state(self) -> RequestState {
        self.0
    }

    /// Whether a request or a candidate is open.
    #[must_use]
    pub const fn is_in_request(self) -> bool {
        matches!(self.0, RequestState::Likely(_) | RequestState::Open(_))
    }

    /// Whether the script that runs is a worker's loop.
    #[must_use]
    pub const fn is_loop(self) -> bool {
        matches!(
            self.0,
            RequestState::Between
                | RequestState::Likely(OpenedBy::Handler)
                | RequestState::Open(OpenedBy::Received | OpenedBy::Manual | OpenedBy::Handler)
        )
    }

    /// Applies an event and returns its effects.
    ///
    /// # Errors
    /// A wrong call of the application's; the state does not change.
    pub fn apply(&mut self, event: Event) -> Result<Effects, RequestStateError> {
        let (next, effects) = transition(self.0, event)?;
        self.0 = next;
        Ok(effects)
    }
}

fn transition(
    state: RequestState,
    event: Event,
) -> Result<(RequestState, Effects), RequestStateError> {
    use Event::{
        Activated, Handled, ManualBegin, ManualEnd, Received, ScriptEnds, ScriptStarts, Waits,
    };
    use RequestState::{Between, Likely, Open, Outside};

    Ok(match (state, event) {
        (Outside, ScriptStarts(Script::Request)) => (Open(OpenedBy::Script), START_REQUEST),
        (Outside, ScriptStarts(Script::Likely)) => (Likely(OpenedBy::Script), START_CANDIDATE),
        (Outside, ScriptStarts(Script::Loop)) => (Between, NO_EFFECT),

        (Likely(_), ScriptEnds) => (Outside, COUNT_AND_END),
        (Open(_), ScriptEnds) => (Outside, END),
        (Between, ScriptEnds) => (Outside, NO_EFFECT),

        (Likely(OpenedBy::Script), Activated) => (
            Likely(OpenedBy::Handler),
            Effects {
                discard: true,
                ..START_CANDIDATE
            },
        ),
        (Between, Activated) => (Likely(OpenedBy::Handler), START_CANDIDATE),
        (Likely(OpenedBy::Handler), Handled(true)) => (Between, COUNT_AND_END),
        (Likely(OpenedBy::Handler), Handled(false)) => (Between, DISCARD),

        (Between, Received(true)) => (Open(OpenedBy::Received), START_REQUEST),
        (Open(OpenedBy::Received), Waits) => (Between, END),

        (Likely(OpenedBy::Script), ManualBegin) => (
            Open(OpenedBy::Manual),
            Effects {
                discard: true,
                ..START_REQUEST
            },
        ),
        (Between, ManualBegin) => (Open(OpenedBy::Manual), START_REQUEST),
        (Open(OpenedBy::Manual), ManualBegin) => return Err(RequestStateError::AlreadyBegun),
        (Likely(by) | Open(by), ManualBegin) => {
            return Err(RequestStateError::TrackedByRuntime(by));
        }
        (Open(OpenedBy::Manual), ManualEnd) => (Between, END),
        (_, ManualEnd) => return Err(RequestStateError::NotBegun),

        (state, _) => (state, NO_EFFECT),
    })
}
