//! The cells of one metric: in static memory until the process shares its counters, then in the host's segment. The
//! only file that knows the location of numbers. Any thread.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use super::cell::Cell;

/// `N` cells. On a cache line of their own, because all threads write them.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Cells<const N: usize> {
    own: [Cell; N],
    /// The first of `N` cells in a mapping that lives as long as the process; null: the own ones count.
    shared: AtomicPtr<Cell>,
}

impl<const N: usize> Cells<N> {
    pub const fn new() -> Self {
        Self {
            own: [const { Cell::new() }; N],
            shared: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Returns the cell at an index, or `None` if there is none.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Cell> {
        self.all().get(index)
    }

    /// All cells.
    #[inline]
    pub fn all(&self) -> &[Cell] {
        match Self::at(self.shared.load(Ordering::Acquire)) {
            Some(shared) => shared,
            None => &self.own,
        }
    }

    #[inline]
    fn at(first: *mut Cell) -> Option<&'static [Cell]> {
        if first.is_null() {
            return None;
        }
        // SAFETY: only `share` stores a pointer that is not null: to `N` words that are never unmapped. A cell is such
        // a word, and all access to it is atomic.
        Some(unsafe { std::slice::from_raw_parts(first, N) })
    }

    /// Counts in `block` from now on, and moves all numbers there that were counted before: those of this process; and,
    /// if the block `replaces` one in a removed file, the old block's, which all its processes move, each a part. A
    /// number that another thread adds during the call may stay until the next one. `is_float` by the cell's index.
    pub fn share(
        &self,
        block: &'static [AtomicU64],
        replaces: bool,
        is_float: impl Fn(usize) -> bool,
    ) {
        if block.len() != N {
            return;
        }
        let new = block.as_ptr().cast::<Cell>().cast_mut();
        let old = self.shared.swap(new, Ordering::AcqRel);
        let Some(to) = Self::at(new) else {
            return;
        };
        let replaced = Self::at(old).filter(|_| replaces && old != new);
        for from in [Some(&self.own[..]), replaced].into_iter().flatten() {
            for (index, (from, to)) in from.iter().zip(to).enumerate() {
                from.move_to(to, is_float(index));
            }
        }
    }

    /// Counts from zero, in this process only. Async-signal-safe.
    pub fn reset(&self) {
        self.shared.store(ptr::null_mut(), Ordering::Release);
        self.own.iter().for_each(Cell::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::counters::CounterSegment;

    fn segment() -> &'static CounterSegment {
        Box::leak(Box::new(CounterSegment::anonymous().unwrap()))
    }

    fn block(segment: &'static CounterSegment) -> &'static [AtomicU64] {
        segment.block(b"a", 2).unwrap()
    }

    #[test]
    fn numbers_of_two_processes_are_summed_when_they_share() {
        let (one, other) = (Cells::<2>::new(), Cells::<2>::new());
        let segment = segment();
        for cells in [&one, &other] {
            cells.get(0).unwrap().add(3);
            cells.get(1).unwrap().add_float(0.25);
            cells.share(block(segment), false, |index| index == 1);
            cells.share(block(segment), false, |index| index == 1);
            cells.get(0).unwrap().add(1);
        }
        assert!(one.get(2).is_none());
        for cells in [&one, &other] {
            assert_eq!((cells.all()[0].get(), cells.all()[1].get_float()), (8, 0.5));
        }
        one.reset();
        assert_eq!((one.all()[0].get(), other.all()[0].get()), (0, 8));
    }

    #[test]
    fn numbers_of_a_removed_segment_are_moved_once() {
        let (one, other) = (Cells::<2>::new(), Cells::<2>::new());
        let (old, new) = (segment(), segment());
        for cells in [&one, &other] {
            cells.share(block(old), false, |_| false);
            cells.get(0).unwrap().add(5);
        }
        one.share(block(new), true, |_| false);
        assert_eq!(one.all()[0].get(), 10);
        other.get(0).unwrap().add(1);
        other.share(block(new), true, |_| false);
        assert_eq!((one.all()[0].get(), other.all()[0].get()), (11, 11));
        // Another host's directory: the old numbers stay with the old one.
        one.share(block(segment()), false, |_| false);
        assert_eq!((one.all()[0].get(), other.all()[0].get()), (0, 11));
    }

    #[test]
    fn no_count_is_lost_while_the_cells_move() {
        let cells = Cells::<2>::new();
        let segment = segment();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| cells.all()[0].add(1)));
            }
            cells.share(block(segment), false, |_| false);
        });
        cells.share(block(segment), false, |_| false);
        assert_eq!(cells.all()[0].get(), 40_000);
    }

    #[test]
    fn counts_of_a_killed_process_stay() {
        let dir = tempfile::tempdir().unwrap();
        let opened = CounterSegment::open(&dir.path().join("a.seg")).unwrap();
        let cells = Cells::<2>::new();
        cells.share(block(Box::leak(Box::new(opened))), false, |_| false);
        // SAFETY: the child touches atomics only, and ends by a signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            (0..1000).for_each(|_| cells.all()[0].add(1));
            // SAFETY: ends the child.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        // SAFETY: `child` is our child.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
        assert_eq!(cells.all()[0].get(), 1000);
    }
}
