//! Slots of a segment that processes claim by compare-and-swap. The first word of a slot is its owner, 0 while it is
//! free: the name of a process as a number (process id, and a mark that tells it from a later process with that id), or
//! the hash of a name. A killed owner frees nothing, so any process may release the slots of owners that it knows to be
//! dead: by their presence and not by their process id, which means nothing in another PID namespace. Any thread.

use super::{Segment, word};
use crate::sync::atomic::{AtomicU64, Ordering};

/// Word of a slot that names its owner.
pub(crate) const OWNER: usize = 0;

/// Where the slots of a segment are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnerSlots {
    first_word: usize,
    slots: usize,
    words: usize,
}

impl OwnerSlots {
    /// `slots` of `words` each, from `first_word` of the segment on.
    pub(crate) const fn new(first_word: usize, slots: usize, words: usize) -> Self {
        Self {
            first_word,
            slots,
            words,
        }
    }

    /// A word of a slot, or `None` beyond the end of the segment.
    #[inline]
    pub(crate) fn word<'a>(
        &self,
        segment: &'a Segment,
        slot: usize,
        word: usize,
    ) -> Option<&'a AtomicU64> {
        segment.word(self.first_word + slot * self.words + word)
    }

    /// The owner of a slot, 0 if it is free.
    pub(crate) fn owner(&self, segment: &Segment, slot: usize) -> u64 {
        self.word(segment, slot, OWNER)
            .map_or(0, |owner| word::load(owner, Ordering::Acquire))
    }

    /// Claims the first free slot from `start` on, wrapping around. Returns `None` if all are taken. The other words of
    /// the slot keep their values.
    pub(crate) fn claim(&self, segment: &Segment, start: usize, owner: u64) -> Option<usize> {
        self.from(start)
            .find(|slot| self.swap(segment, *slot, 0, owner).is_ok())
    }

    /// Returns the slot of `owner`, or claims the first free one from `start` on. Returns `None` if all are taken.
    /// Finds the same slot in all processes as long as none is released.
    pub(crate) fn find_or_claim(
        &self,
        segment: &Segment,
        start: usize,
        owner: u64,
    ) -> Option<usize> {
        self.from(start)
            .find(|slot| match self.swap(segment, *slot, 0, owner) {
                Ok(()) => true,
                Err(found) => found == owner,
            })
    }

    /// Frees a slot, if it is still that owner's.
    pub(crate) fn release(&self, segment: &Segment, slot: usize, owner: u64) -> bool {
        owner != 0 && self.swap(segment, slot, owner, 0).is_ok()
    }

    /// Frees the slots of all owners that `is_alive` denies; asks once for each owner.
    pub(crate) fn release_dead(&self, segment: &Segment, is_alive: &dyn Fn(u64) -> bool) {
        let mut asked: Vec<(u64, bool)> = Vec::new();
        for slot in 0..self.slots {
            let owner = self.owner(segment, slot);
            if owner == 0 {
                continue;
            }
            let known = asked.iter().find(|(known, _)| *known == owner);
            let alive = known.map(|(_, alive)| *alive).unwrap_or_else(|| {
                let alive = is_alive(owner);
                asked.push((owner, alive));
                alive
            });
            if !alive {
                self.release(segment, slot, owner);
            }
        }
    }

    fn from(&self, start: usize) -> impl Iterator<Item = usize> + use<> {
        let start = start.min(self.slots);
        (start..self.slots).chain(0..start)
    }

    /// # Errors
    /// The owner that the slot has.
    fn swap(&self, segment: &Segment, slot: usize, from: u64, to: u64) -> Result<(), u64> {
        let Some(owner) = self.word(segment, slot, OWNER) else {
            return Err(0);
        };
        let (from, to) = (from.to_le(), to.to_le());
        owner
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(u64::from_le)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: OwnerSlots = OwnerSlots::new(2, 3, 4);

    fn segment() -> Segment {
        Segment::anonymous((2 + 3 * 4) * 8).unwrap()
    }

    #[test]
    fn claims_get_slots_of_their_own_until_all_are_taken() {
        let segment = segment();
        assert_eq!(SLOTS.claim(&segment, 1, 7), Some(1));
        assert_eq!(SLOTS.claim(&segment, 1, 7), Some(2));
        assert_eq!(SLOTS.claim(&segment, 1, 8), Some(0));
        assert_eq!(SLOTS.claim(&segment, 1, 9), None);
        assert!(!SLOTS.release(&segment, 0, 7), "it is another owner's");
        assert!(SLOTS.release(&segment, 1, 7));
        assert_eq!(SLOTS.claim(&segment, 0, 9), Some(1));
        assert_eq!([0, 1, 2].map(|slot| SLOTS.owner(&segment, slot)), [8, 9, 7]);
        assert!(SLOTS.word(&segment, 3, 0).is_none());
    }

    #[test]
    fn owner_is_found_in_the_slot_that_it_has() {
        let segment = segment();
        assert_eq!(SLOTS.find_or_claim(&segment, 2, 7), Some(2));
        assert_eq!(SLOTS.find_or_claim(&segment, 2, 8), Some(0));
        assert_eq!(SLOTS.find_or_claim(&segment, 2, 7), Some(2));
        assert_eq!(SLOTS.find_or_claim(&segment, 2, 8), Some(0));
        assert_eq!(SLOTS.find_or_claim(&segment, 0, 9), Some(1));
        assert_eq!(SLOTS.find_or_claim(&segment, 0, 10), None);
    }

    #[test]
    fn slots_of_the_dead_are_freed_and_each_owner_is_asked_once() {
        let segment = segment();
        for owner in [7, 8, 7] {
            SLOTS.claim(&segment, 0, owner);
        }
        let asked = std::cell::RefCell::new(Vec::new());
        SLOTS.release_dead(&segment, &|owner| {
            asked.borrow_mut().push(owner);
            owner != 7
        });
        assert_eq!(*asked.borrow(), [7, 8]);
        assert_eq!([0, 1, 2].map(|slot| SLOTS.owner(&segment, slot)), [0, 8, 0]);
    }
}
