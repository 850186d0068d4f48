//! The pointer to all state of a process.

use std::sync::Arc;

use loom::{cell::UnsafeCell, thread};

use super::process_cell::ProcessCell;

/// Something whose content another thread must not see before it is there: loom tells of it.
struct State(UnsafeCell<u64>);

// SAFETY: never changed after it was made.
unsafe impl Send for State {}
// SAFETY: as above.
unsafe impl Sync for State {}

impl State {
    fn new(value: u64) -> Self {
        let state = Self(UnsafeCell::new(0));
        // SAFETY: nobody else has it yet.
        state.0.with_mut(|place| unsafe { *place = value });
        state
    }

    fn value(&self) -> u64 {
        // SAFETY: nobody changes it any more.
        self.0.with(|place| unsafe { *place })
    }
}

fn empty() -> Arc<ProcessCell<State>> {
    let slot = ProcessCell::new();
    assert!(slot.get().is_none());
    Arc::new(slot)
}

/// Two threads make the state at once: both work with the same one, and it is whole.
pub fn two_threads_make_the_state() {
    let slot = empty();
    let shared = Arc::clone(&slot);
    let other = thread::spawn(move || shared.get_or_init(|| State::new(1)).value());
    let ours = slot.get_or_init(|| State::new(2)).value();
    let theirs = other.join();
    assert!(theirs.is_ok_and(|theirs| theirs == ours));
    // SAFETY: the other thread has ended, and nothing borrows from the slot.
    let last = unsafe { slot.take() };
    assert!(last.is_some_and(|state| state.value() == ours));
}

/// One thread makes the state while another looks whether there is one.
pub fn a_thread_looks_while_the_state_is_made() {
    let slot = empty();
    let shared = Arc::clone(&slot);
    let other = thread::spawn(move || {
        shared.get_or_init(|| State::new(1));
    });
    if let Some(state) = slot.get() {
        assert_eq!(state.value(), 1);
    }
    let _ = other.join();
    // SAFETY: as above.
    drop(unsafe { slot.take() });
}
