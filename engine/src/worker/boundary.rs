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
pub enum By {
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
pub enum State {
    /// No script runs.
    #[default]
    Outside,
    /// A loop runs, and no request is under way.
    Between,
    /// A request, as it seems.
    Likely(By),
    /// A request for certain.
    Open(By),
}

/// What has to be done, in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an action of its own, and a step may take several"
)]
pub struct Step {
    /// What was noted was no request: forget it.
    pub drop: bool,
    /// A request may start now: note time and memory.
    pub note: bool,
    /// It counts as begun.
    pub begin: bool,
    /// It is over.
    pub end: bool,
}

/// Why a call of the application's is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `request_begin` within a request that `request_begin` opened.
    AlreadyBegun,
    /// The runtime tells by itself where requests begin and end.
    Noticed(By),
    /// `request_end` without `request_begin`.
    NotBegun,
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Event::*, State::*, *};

    const STATES: [State; 9] = [
        Outside,
        Between,
        Likely(By::Script),
        Likely(By::Handler),
        Open(By::Script),
        Open(By::Received),
        Open(By::Manual),
        Open(By::Handler),
        Likely(By::Manual),
    ];
    const EVENTS: [Event; 12] = [
        ScriptStarts(Script::Request),
        ScriptStarts(Script::Likely),
        ScriptStarts(Script::Loop),
        ScriptEnds,
        Activated,
        Handled(true),
        Handled(false),
        Waits,
        Received(true),
        Received(false),
        ManualBegin,
        ManualEnd,
    ];

    /// The rows of a table in Markdown whose first cell is no head, cells trimmed.
    fn rows(text: &str, mark: &str) -> Vec<Vec<String>> {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(mark))
            .map(|line| line.trim())
            .filter(|line| {
                line.starts_with('|') && !line.contains("---") && !line.contains("state |")
            })
            .map(|line| {
                line.trim_matches('|')
                    .split('|')
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            })
            .collect()
    }

    fn state(words: &str) -> Vec<State> {
        let by = [
            ("script", By::Script),
            ("handler", By::Handler),
            ("received", By::Received),
            ("manual", By::Manual),
        ];
        match words.split_once(", ") {
            Some(("open", "any")) => by[..].iter().map(|(_, by)| Open(*by)).collect(),
            Some((kind, name)) => {
                let by = by.iter().find(|(known, _)| *known == name).unwrap().1;
                vec![if kind == "open" { Open(by) } else { Likely(by) }]
            }
            None => vec![if words == "outside" { Outside } else { Between }],
        }
    }

    fn event(words: &str) -> Event {
        match words {
            "script starts, always a request" => ScriptStarts(Script::Request),
            "script starts, perhaps a loop" => ScriptStarts(Script::Likely),
            "script starts, a loop" => ScriptStarts(Script::Loop),
            "script ends" => ScriptEnds,
            "activated" => Activated,
            "handled" => Handled(true),
            "told to stop" => Handled(false),
            "waits" => Waits,
            "received" => Received(true),
            "request_begin" => ManualBegin,
            "request_end" => ManualEnd,
            other => panic!("no such event: {other}"),
        }
    }

    fn step(words: &str) -> Step {
        let has = |word| words.split(", ").any(|found| found == word);
        Step {
            drop: has("drop"),
            note: has("note"),
            begin: has("begin"),
            end: has("end"),
        }
    }

    #[test]
    fn the_table_in_the_docs_is_what_happens_and_nothing_else_does() {
        let table = rows(include_str!("boundary.rs"), "//!");
        assert_eq!(table.len(), 16);
        let mut told = Vec::new();
        for row in &table {
            for from in state(&row[0]) {
                let expected = (state(&row[2])[0], step(&row[3]));
                assert_eq!(after(from, event(&row[1])), Ok(expected), "{row:?}");
                told.push((from, event(&row[1])));
            }
        }
        for from in STATES {
            for event in EVENTS {
                if told.contains(&(from, event))
                    || matches!(from, Likely(By::Manual) | Open(By::Handler))
                {
                    continue;
                }
                match after(from, event) {
                    Ok(untold) => assert_eq!(untold, (from, NOTHING), "{from:?} {event:?}"),
                    Err(_) => assert!(matches!(event, ManualBegin | ManualEnd)),
                }
            }
        }
    }

    #[test]
    fn the_guide_shows_the_same_table() {
        let guide = include_str!("../../../docs/worker-mode.md");
        let shown: Vec<_> = rows(guide, "")
            .into_iter()
            .filter(|row| row.len() == 4 && !state_is_foreign(&row[0]))
            .collect();
        assert_eq!(shown, rows(include_str!("boundary.rs"), "//!"));
    }

    fn state_is_foreign(cell: &str) -> bool {
        !["outside", "between", "likely", "open"]
            .iter()
            .any(|known| cell.split(", ").next() == Some(known))
    }

    #[test]
    fn a_worker_of_frankenphp_has_as_many_requests_as_were_handled() {
        let mut boundary = Boundary::default();
        let script = [
            (ScriptStarts(Script::Likely), NOTE),
            (Activated, Step { drop: true, ..NOTE }),
            (Handled(true), WHOLE),
            (Activated, NOTE),
            // exit() in the handler: the handler never comes back.
            (ScriptEnds, WHOLE),
            (ScriptStarts(Script::Likely), NOTE),
            (Activated, Step { drop: true, ..NOTE }),
            (Handled(false), DROP),
            (ScriptEnds, NOTHING),
        ];
        for (event, step) in script {
            assert_eq!(boundary.on(event), Ok(step), "{event:?}");
        }
        assert_eq!(boundary.state(), Outside);
    }

    #[test]
    fn mistakes_are_refused_and_change_nothing() {
        let mut boundary = Boundary::default();
        boundary.on(ScriptStarts(Script::Likely)).unwrap();
        assert_eq!(boundary.on(ManualEnd), Err(Refusal::NotBegun));
        boundary.on(ManualBegin).unwrap();
        assert_eq!(boundary.on(ManualBegin), Err(Refusal::AlreadyBegun));
        assert_eq!(boundary.on(ManualEnd), Ok(END));
        let mut boundary = Boundary::default();
        boundary.on(ScriptStarts(Script::Request)).unwrap();
        assert_eq!(boundary.on(ManualBegin), Err(Refusal::Noticed(By::Script)));
        assert_eq!(boundary.state(), Open(By::Script));
    }

    proptest! {
        #[test]
        fn whatever_a_runtime_tells_each_begin_has_one_end(told in prop::collection::vec(0..EVENTS.len(), 0..200)) {
            let mut boundary = Boundary::default();
            let (mut noted, mut open, mut begun, mut ended) = (false, false, 0, 0);
            for event in told.into_iter().map(|index| EVENTS[index]).chain([ScriptEnds]) {
                let Ok(step) = boundary.on(event) else { continue };
                if step.drop {
                    prop_assert!(noted && !open);
                    noted = false;
                }
                if step.note {
                    prop_assert!(!noted);
                    noted = true;
                }
                if step.begin {
                    prop_assert!(noted && !open);
                    open = true;
                    begun += 1;
                }
                if step.end {
                    prop_assert!(open);
                    (open, noted) = (false, false);
                    ended += 1;
                }
                prop_assert_eq!(boundary.is_in_request(), noted);
            }
            prop_assert_eq!(begun, ended);
            prop_assert_eq!(boundary.state(), Outside);
        }
    }
}
