//! Who shares a pilot, and when it may go.

use super::*;

const ID: FlightId = FlightId { key: 1, digest: 2 };

fn join(locals: &Arc<Locals>, forced: bool, id: &str) -> (Caller, Option<Pilot>) {
    locals.join(ID, forced, id, &Progress::default())
}

#[test]
fn callers_of_one_configuration_share_a_pilot() {
    let locals = Arc::new(Locals::default());
    let (first, pilot) = join(&locals, false, "a");
    let pilot = pilot.unwrap();
    let (second, none) = join(&locals, false, "b");
    assert!(none.is_none());
    assert_eq!(pilot.newcomers(), ["a", "b"]);
    assert!(pilot.newcomers().is_empty());
    pilot.land(Err(crate::Error::Remote("x".into())));
    for caller in [first, second] {
        assert!(matches!(caller.view.borrow().end, Some(Err(_))));
    }
    assert!(join(&locals, false, "c").1.is_some());
}

#[test]
fn a_pilot_retires_only_without_callers() {
    let locals = Arc::new(Locals::default());
    let (first, pilot) = join(&locals, false, "a");
    let pilot = pilot.unwrap();
    let (second, _) = join(&locals, false, "b");
    drop(first);
    assert!(!pilot.retire());
    drop(second);
    assert!(!pilot.is_wanted());
    let (_third, none) = join(&locals, false, "c");
    assert!(none.is_none() && !pilot.retire());
}

#[test]
fn a_late_caller_of_a_retired_pilot_is_not_counted_for_the_next_one() {
    let locals = Arc::new(Locals::default());
    let (first, pilot) = join(&locals, false, "a");
    let pilot = pilot.unwrap();
    pilot.land(Err(crate::Error::Remote("x".into())));
    let (_second, next) = join(&locals, false, "b");
    drop(first);
    assert!(!next.unwrap().retire());
    drop(pilot);
    assert_eq!(locals.all().len(), 0);
}

#[test]
fn a_forced_build_is_for_all_and_no_other_is_for_the_forced() {
    let locals = Arc::new(Locals::default());
    let (_forced, pilot) = join(&locals, true, "a");
    assert!(pilot.is_some());
    assert!(join(&locals, false, "b").1.is_none());
    drop(pilot);
    let (_plain, pilot) = join(&locals, false, "c");
    assert!(pilot.is_some());
    assert!(join(&locals, true, "d").1.is_some());
}

#[test]
fn a_pilot_that_dies_is_noticed() {
    let locals = Arc::new(Locals::default());
    let (caller, pilot) = join(&locals, false, "a");
    drop(pilot);
    assert!(caller.view.has_changed().is_err());
}
