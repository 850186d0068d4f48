//! The table held against the state machine, and against the guide; then whatever a runtime may tell.

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
        .filter(|line| line.starts_with('|') && !line.contains("---") && !line.contains("state |"))
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
    let table = rows(include_str!("mod.rs"), "//!");
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
    let guide = include_str!("../../../../docs/worker-mode.md");
    let shown: Vec<_> = rows(guide, "")
        .into_iter()
        .filter(|row| row.len() == 4 && !state_is_foreign(&row[0]))
        .collect();
    assert_eq!(shown, rows(include_str!("mod.rs"), "//!"));
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
