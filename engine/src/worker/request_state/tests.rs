//! Compares the state machine with its table in the docs, and feeds it any sequence of events.

use proptest::prelude::*;

use super::{Event::*, RequestState::*, *};

const STATES: [RequestState; 9] = [
    Outside,
    Between,
    Likely(OpenedBy::Script),
    Likely(OpenedBy::Handler),
    Open(OpenedBy::Script),
    Open(OpenedBy::Received),
    Open(OpenedBy::Manual),
    Open(OpenedBy::Handler),
    Likely(OpenedBy::Manual),
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

/// The rows of a Markdown table without its header, cells trimmed.
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

fn state(words: &str) -> Vec<RequestState> {
    let by = [
        ("script", OpenedBy::Script),
        ("handler", OpenedBy::Handler),
        ("received", OpenedBy::Received),
        ("manual", OpenedBy::Manual),
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
        "stopped" => Handled(false),
        "waits" => Waits,
        "received" => Received(true),
        "request_begin" => ManualBegin,
        "request_end" => ManualEnd,
        other => panic!("no such event: {other}"),
    }
}

fn effects(words: &str) -> Effects {
    let has = |word| words.split(", ").any(|found| found == word);
    Effects {
        discard: has("discard"),
        start_candidate: has("start candidate"),
        begin: has("begin"),
        end: has("end"),
    }
}

#[test]
fn the_table_in_the_docs_is_complete() {
    let table = rows(include_str!("mod.rs"), "//!");
    assert_eq!(table.len(), 16);
    let mut listed = Vec::new();
    for row in &table {
        for from in state(&row[0]) {
            let expected = (state(&row[2])[0], effects(&row[3]));
            assert_eq!(transition(from, event(&row[1])), Ok(expected), "{row:?}");
            listed.push((from, event(&row[1])));
        }
    }
    for from in STATES {
        for event in EVENTS {
            if listed.contains(&(from, event))
                || matches!(from, Likely(OpenedBy::Manual) | Open(OpenedBy::Handler))
            {
                continue;
            }
            match transition(from, event) {
                Ok(unlisted) => assert_eq!(unlisted, (from, NO_EFFECT), "{from:?} {event:?}"),
                Err(_) => assert!(matches!(event, ManualBegin | ManualEnd)),
            }
        }
    }
}

#[test]
fn frankenphp_requests_are_those_that_were_handled() {
    let mut tracker = RequestTracker::default();
    let script = [
        (ScriptStarts(Script::Likely), START_CANDIDATE),
        (
            Activated,
            Effects {
                discard: true,
                ..START_CANDIDATE
            },
        ),
        (Handled(true), COUNT_AND_END),
        (Activated, START_CANDIDATE),
        // exit() in the handler: it never returns.
        (ScriptEnds, COUNT_AND_END),
        (ScriptStarts(Script::Likely), START_CANDIDATE),
        (
            Activated,
            Effects {
                discard: true,
                ..START_CANDIDATE
            },
        ),
        (Handled(false), DISCARD),
        (ScriptEnds, NO_EFFECT),
    ];
    for (event, effects) in script {
        assert_eq!(tracker.apply(event), Ok(effects), "{event:?}");
    }
    assert_eq!(tracker.state(), Outside);
}

#[test]
fn refused_calls_do_not_change_the_state() {
    let mut tracker = RequestTracker::default();
    tracker.apply(ScriptStarts(Script::Likely)).unwrap();
    assert_eq!(tracker.apply(ManualEnd), Err(RequestStateError::NotBegun));
    tracker.apply(ManualBegin).unwrap();
    assert_eq!(
        tracker.apply(ManualBegin),
        Err(RequestStateError::AlreadyBegun)
    );
    assert_eq!(tracker.apply(ManualEnd), Ok(END));
    let mut tracker = RequestTracker::default();
    tracker.apply(ScriptStarts(Script::Request)).unwrap();
    assert_eq!(
        tracker.apply(ManualBegin),
        Err(RequestStateError::TrackedByRuntime(OpenedBy::Script))
    );
    assert_eq!(tracker.state(), Open(OpenedBy::Script));
}

proptest! {
    #[test]
    fn each_begin_has_one_end_in_any_sequence_of_events(listed in prop::collection::vec(0..EVENTS.len(), 0..200)) {
        let mut tracker = RequestTracker::default();
        let (mut has_candidate, mut open, mut begun, mut ended) = (false, false, 0, 0);
        for event in listed.into_iter().map(|index| EVENTS[index]).chain([ScriptEnds]) {
            let Ok(effects) = tracker.apply(event) else { continue };
            if effects.discard {
                prop_assert!(has_candidate && !open);
                has_candidate = false;
            }
            if effects.start_candidate {
                prop_assert!(!has_candidate);
                has_candidate = true;
            }
            if effects.begin {
                prop_assert!(has_candidate && !open);
                open = true;
                begun += 1;
            }
            if effects.end {
                prop_assert!(open);
                (open, has_candidate) = (false, false);
                ended += 1;
            }
            prop_assert_eq!(tracker.is_in_request(), has_candidate);
        }
        prop_assert_eq!(begun, ended);
        prop_assert_eq!(tracker.state(), Outside);
    }
}
