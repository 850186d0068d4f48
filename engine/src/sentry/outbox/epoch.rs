//! When may a mapping go that a writer on another thread may just be looking at? A writer counts itself
//! in and out; a mapping goes when all who were in at the time of its retirement have left. Two counters
//! take turns (as in Linux's SRCU), so writers that keep coming don't hold it up for ever.

use crate::sync::{
    atomic::{AtomicUsize, Ordering},
    in_one_order,
};

#[derive(Debug, Default)]
#[repr(align(64))]
struct Counter(AtomicUsize);

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    turn: AtomicUsize,
    first: Counter,
    second: Counter,
}

/// A writer that is in.
#[derive(Debug)]
pub(super) struct Pin<'a>(&'a AtomicUsize);

impl Epoch {
    fn counter(&self, turn: usize) -> &AtomicUsize {
        if turn & 1 == 0 {
            &self.first.0
        } else {
            &self.second.0
        }
    }

    /// Counts the caller in until the pin is dropped.
    #[inline]
    pub(super) fn pin(&self) -> Pin<'_> {
        loop {
            let turn = self.turn.load(Ordering::SeqCst);
            let counter = self.counter(turn);
            counter.fetch_add(1, Ordering::SeqCst);
            in_one_order();
            if self.turn.load(Ordering::SeqCst) == turn {
                return Pin(counter);
            }
            counter.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// From now on writers count at the other counter. Returns the turn that has ended. Only one thread
    /// may call this, and only when the turn before has no writer left.
    pub(super) fn turn(&self) -> usize {
        let ended = self.turn.fetch_add(1, Ordering::SeqCst);
        in_one_order();
        ended
    }

    /// Whether all who came in that turn have left.
    pub(super) fn is_over(&self, turn: usize) -> bool {
        self.counter(turn).load(Ordering::SeqCst) == 0
    }
}

impl Drop for Pin<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_over_when_those_who_came_in_it_have_left() {
        let epoch = Epoch::default();
        let early = epoch.pin();
        let turn = epoch.turn();
        let late = epoch.pin();
        assert!(!epoch.is_over(turn));
        drop(early);
        assert!(epoch.is_over(turn));
        let next = epoch.turn();
        assert!(!epoch.is_over(next));
        drop(late);
        assert!(epoch.is_over(next));
    }
}
