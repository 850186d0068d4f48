//! Deferred unmapping, as in Linux's SRCU: a thread that uses a mapping pins the epoch, and a retired mapping is freed
//! once all pins of its time are dropped. Two counters take turns, so that new pins don't delay that for ever. For the
//! threads of one process. testing/loom compiles this file as it is.

use crate::sync::{
    atomic::{AtomicUsize, Ordering},
    in_one_order,
};

#[derive(Debug, Default)]
#[repr(align(64))]
struct Counter(AtomicUsize);

/// Counts the users of mappings, by the turn in which they began.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    turn: AtomicUsize,
    first: Counter,
    second: Counter,
}

/// Keeps the mappings of its turn. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Pin<'a>(&'a AtomicUsize);

impl Epoch {
    fn counter(&self, turn: usize) -> &AtomicUsize {
        if turn & 1 == 0 {
            &self.first.0
        } else {
            &self.second.0
        }
    }

    /// Counts the caller as a user until the pin is dropped.
    #[inline]
    pub(crate) fn pin(&self) -> Pin<'_> {
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

    /// Ends a turn and returns it: later pins use the other counter. One thread at a time, and only when the turn
    /// before [`Epoch::is_over`].
    pub(crate) fn turn(&self) -> usize {
        let ended = self.turn.fetch_add(1, Ordering::SeqCst);
        in_one_order();
        ended
    }

    /// Whether all pins of that turn are dropped.
    pub(crate) fn is_over(&self, turn: usize) -> bool {
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
    fn turn_is_over_when_its_pins_are_dropped() {
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
