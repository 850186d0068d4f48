//! The pointer to all state of a process.

use std::sync::Arc;

use loom::{cell::UnsafeCell, thread};

use super::process_cell::ProcessCell;

/// A value that another thread must not access before it is complete: loom detects it.
struct State(UnsafeCell<u64>);

// SAFETY: immutable after its creation.
unsafe impl Send for State {}
// SAFETY: as above.
unsafe impl Sync for State {}

impl State {
    fn new(value: u64) -> Self {
        let state = Self(UnsafeCell::new(0));
        // SAFETY: no other thread has access yet.
        state.0.with_mut(|place| unsafe { *place = value });
        state
    }

    fn value(&self) -> u64 {
        // SAFETY: no thread writes to it any more.
        self.0.with(|place| unsafe { *place })
    }
}

fn empty() -> Arc<ProcessCell<State>> {
    let slot = ProcessCell::new();
    assert!(slot.get().is_none());
    Arc::new(slot)
}

/// Two threads create the state at once: both use the same one, and it is complete.
pub fn two_threads_create_the_state_once() {
    let slot = empty();
    let shared = Arc::clone(&slot);
    let other = thread::spawn(move || shared.get_or_init(|| State::new(1)).value());
    let ours = slot.get_or_init(|| State::new(2)).value();
    let theirs = other.join();
    assert!(theirs.is_ok_and(|theirs| theirs == ours));
    // SAFETY: the other thread has ended, and no borrow of the slot remains.
    let last = unsafe { slot.take() };
    assert!(last.is_some_and(|state| state.value() == ours));
}

/// One thread creates the state while another one reads it.
pub fn thread_reads_the_state_while_it_is_created() {
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
