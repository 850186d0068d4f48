//! Two slots of two words: the owner, and one that the owner writes.

use std::sync::Arc;

use loom::thread;

use super::{Segment, owner_slots::OwnerSlots};
use crate::sync::atomic::Ordering;

const SLOTS: OwnerSlots = OwnerSlots::new(0, 2, 2);

fn segment() -> Arc<Segment> {
    match Segment::anonymous(4 * 8) {
        Ok(segment) => Arc::new(segment),
        Err(error) => unreachable!("{error}"),
    }
}

/// Claims a slot as `owner` and writes its mark. Returns the slot, and the mark that it found.
fn claim(segment: &Segment, owner: u64) -> Option<(usize, u64)> {
    let slot = SLOTS.claim(segment, 0, owner)?;
    let mark = SLOTS.word(segment, slot, 1)?;
    let found = mark.load(Ordering::Relaxed);
    mark.store(owner, Ordering::Relaxed);
    Some((slot, found))
}

/// Two concurrent claims get different slots.
pub fn two_claims_get_two_slots() {
    let segment = segment();
    let shared = Arc::clone(&segment);
    let other = thread::spawn(move || claim(&shared, 8));
    let own = claim(&segment, 7);
    let other = other.join().ok().flatten();
    assert!(own.is_some() && other.is_some());
    assert_ne!(own.map(|(slot, _)| slot), other.map(|(slot, _)| slot));
}

/// A claim of a released slot sees all writes of the previous owner.
pub fn claim_of_a_released_slot_sees_its_words() {
    let segment = segment();
    claim(&segment, 6);
    claim(&segment, 7);
    let shared = Arc::clone(&segment);
    let owner = thread::spawn(move || {
        if let Some(mark) = SLOTS.word(&shared, 1, 1) {
            mark.store(9, Ordering::Relaxed);
        }
        assert!(SLOTS.release(&shared, 1, 7));
    });
    if let Some(claimed) = claim(&segment, 8) {
        assert_eq!(claimed, (1, 9));
    }
    let _ = owner.join();
}

/// If two processes find an owner dead, one of them frees its slot; a new owner keeps it against the other one.
pub fn slot_of_a_dead_owner_is_freed_once() {
    let segment = segment();
    claim(&segment, 7);
    claim(&segment, 6);
    let shared = Arc::clone(&segment);
    let other = thread::spawn(move || SLOTS.release_dead(&shared, &|owner| owner != 7));
    SLOTS.release_dead(&segment, &|owner| owner != 7);
    assert_eq!(claim(&segment, 8), Some((0, 7)));
    let _ = other.join();
    assert_eq!(SLOTS.owner(&segment, 0), 8);
}

/// Two lookups of a name get the same slot.
pub fn two_lookups_of_a_name_get_one_slot() {
    let segment = segment();
    let shared = Arc::clone(&segment);
    let other = thread::spawn(move || SLOTS.find_or_claim(&shared, 1, 7));
    let own = SLOTS.find_or_claim(&segment, 1, 7);
    assert_eq!(other.join().ok().flatten(), own);
    assert_eq!(own, Some(1));
}
