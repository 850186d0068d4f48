//! Where a logical request begins and ends, on one PHP thread: one state machine for all runtimes. The
//! runtimes tell what they see, each in its own file of the extension, and know nothing of each other.
//!
//! A script may turn out to be a worker's loop, and what FrankenPHP activates may turn out to be its call
//! to stop. So such a request is only *likely* at first: it is noted, and counted once it is certain.
//!
//! | state | event | next | does |
//! | --- | --- | --- | --- |
//! | outside | script starts, always a request | open, script | note, begin |
//! | outside | script starts, perhaps a loop | likely, script | note |
//! | outside | script starts, a loop | between | |
//! | likely, script | script ends | outside | begin, end |
//! | likely, script | activated | likely, handler | drop, note |
//! | likely, script | request_begin | open, manual | drop, note, begin |
//! | likely, handler | handled | between | begin, end |
//! | likely, handler | told to stop | between | drop |
//! | likely, handler | script ends | outside | begin, end |
//! | between | activated | likely, handler | note |
//! | between | received | open, received | note, begin |
//! | between | request_begin | open, manual | note, begin |
//! | between | script ends | outside | |
//! | open, received | waits | between | end |
//! | open, manual | request_end | between | end |
//! | open, any | script ends | outside | end |
//!
//! `request_begin` is refused while a request is open, `request_end` unless `request_begin` opened it.
//! Anything else changes nothing. Runs on PHP's thread.

mod events;
#[cfg(test)]
mod tests;

pub use events::{By, Event, Refusal, Script, State, Step};

/// The state machine of one PHP thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Boundary(State);

const NOTHING: Step = Step {
    drop: false,
    note: false,
    begin: false,
    end: false,
};
const DROP: Step = Step {
    drop: true,
    ..NOTHING
};
const NOTE: Step = Step {
    note: true,
    ..NOTHING
};
const OPEN: Step = Step {
    begin: true,
    ..NOTE
};
const END: Step = Step {
    end: true,
    ..NOTHING
};
const WHOLE: Step = Step { begin: true, ..END };

impl Boundary {
    /// Where it stands.
    #[must_use]
    pub const fn state(self) -> State {
        self.0
    }

    /// Whether a request is under way, certain or not.
    #[must_use]
    pub const fn is_in_request(self) -> bool {
        matches!(self.0, State::Likely(_) | State::Open(_))
    }

    /// Whether a script runs that has served as a worker's loop.
    #[must_use]
    pub const fn is_loop(self) -> bool {
        matches!(
            self.0,
            State::Between
                | State::Likely(By::Handler)
                | State::Open(By::Received | By::Manual | By::Handler)
        )
    }

    /// Takes an event.
    ///
    /// # Errors
    /// A call of the application's that is a mistake; nothing has changed then.
    pub fn on(&mut self, event: Event) -> Result<Step, Refusal> {
        let (next, step) = after(self.0, event)?;
        self.0 = next;
        Ok(step)
    }
}

fn after(state: State, event: Event) -> Result<(State, Step), Refusal> {
    use Event::{
        Activated, Handled, ManualBegin, ManualEnd, Received, ScriptEnds, ScriptStarts, Waits,
    };
    use State::{Between, Likely, Open, Outside};

    Ok(match (state, event) {
        (Outside, ScriptStarts(Script::Request)) => (Open(By::Script), OPEN),
        (Outside, ScriptStarts(Script::Likely)) => (Likely(By::Script), NOTE),
        (Outside, ScriptStarts(Script::Loop)) => (Between, NOTHING),

        (Likely(_), ScriptEnds) => (Outside, WHOLE),
        (Open(_), ScriptEnds) => (Outside, END),
        (Between, ScriptEnds) => (Outside, NOTHING),

        (Likely(By::Script), Activated) => (Likely(By::Handler), Step { drop: true, ..NOTE }),
        (Between, Activated) => (Likely(By::Handler), NOTE),
        (Likely(By::Handler), Handled(true)) => (Between, WHOLE),
        (Likely(By::Handler), Handled(false)) => (Between, DROP),

        (Between, Received(true)) => (Open(By::Received), OPEN),
        (Open(By::Received), Waits) => (Between, END),

        (Likely(By::Script), ManualBegin) => (Open(By::Manual), Step { drop: true, ..OPEN }),
        (Between, ManualBegin) => (Open(By::Manual), OPEN),
        (Open(By::Manual), ManualBegin) => return Err(Refusal::AlreadyBegun),
        (Likely(by) | Open(by), ManualBegin) => return Err(Refusal::Noticed(by)),
        (Open(By::Manual), ManualEnd) => (Between, END),
        (_, ManualEnd) => return Err(Refusal::NotBegun),

        (state, _) => (state, NOTHING),
    })
}
