//! Hooks of unit tests, and the tests of the environment.

use std::cell::RefCell;

type Hook = Box<dyn FnMut(&str)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Sets the hook that this thread runs at each failpoint.
pub(crate) fn set(hook: impl FnMut(&str) + 'static) {
    HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
}

/// Removes this thread's hook.
pub(crate) fn clear() {
    HOOK.with(|slot| *slot.borrow_mut() = None);
}

pub(crate) fn run(name: &str) {
    // Taken out while it runs, so that a hook that reaches a failpoint itself does not recurse.
    if let Some(mut hook) = HOOK.with(|slot| slot.borrow_mut().take()) {
        hook(name);
        HOOK.with(|slot| {
            slot.borrow_mut().get_or_insert(hook);
        });
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn failpoint_names_are_unique() {
    let names = super::names();
    assert!(
        names.len() > 1 && names.is_sorted_by(|a, b| a < b),
        "{names:?}"
    );
}

#[cfg(feature = "failpoints")]
#[test]
fn environment_value_has_name_count_and_action() {
    use super::armed::{Action, parse};
    let armed = parse("commit.entry@3:stop").unwrap();
    assert_eq!(
        (armed.name, armed.nth, armed.action),
        ("commit.entry", 3, Action::Stop)
    );
    assert_eq!(parse("slot.taken").unwrap().action, Action::Kill);
    let slept = parse("slot.taken:sleep-20").unwrap().action;
    assert_eq!(slept, Action::Sleep(std::time::Duration::from_millis(20)));
    for wrong in ["", "nowhere", "slot.taken@x", "slot.taken:dance"] {
        assert!(parse(wrong).is_none(), "{wrong}");
    }
}
