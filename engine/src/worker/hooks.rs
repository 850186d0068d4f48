//! Reset hooks in the order of their priorities, and the position of a run through them. A hook may add and remove
//! hooks, throw, or be jumped out of, so a run is a position and not an iterator that a frame holds. Runs on PHP's
//! thread.

use std::cmp::Reverse;

/// Hooks of one thread; a handler that registers one in every request reaches this limit.
pub const MAX_HOOKS: usize = 1000;

type HookOrder = (Reverse<i64>, u64);

/// The hooks of a thread; `T` is the callable.
#[derive(Debug)]
pub struct HookList<T> {
    list: Vec<(HookOrder, T)>,
    newest: u64,
}

/// The position of the run after one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookRun {
    newest: u64,
    after: Option<HookOrder>,
}

impl<T> HookList<T> {
    /// No hooks.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            newest: 0,
        }
    }
}

impl<T> Default for HookList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> HookList<T> {
    /// Adds a hook and returns its id, or `None` if there are [`MAX_HOOKS`]. Higher priorities run first, equal ones in
    /// the order in which they were added.
    pub fn add(&mut self, priority: i64, hook: T) -> Option<u64> {
        if self.list.len() >= MAX_HOOKS {
            return None;
        }
        self.newest += 1;
        let order = (Reverse(priority), self.newest);
        let at = self.list.partition_point(|(other, _)| *other < order);
        self.list.insert(at, (order, hook));
        Some(self.newest)
    }

    /// Removes a hook.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let at = self.list.iter().position(|((_, other), _)| *other == id)?;
        Some(self.list.remove(at).1)
    }

    /// Removes the last hook.
    pub fn pop(&mut self) -> Option<T> {
        self.list.pop().map(|(_, hook)| hook)
    }

    /// The number of hooks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no hooks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Starts a run of the present hooks.
    #[must_use]
    pub fn start(&self) -> HookRun {
        HookRun {
            newest: self.newest,
            after: None,
        }
    }

    /// Returns the next hook of a run, which counts as run from here on.
    pub fn next(&self, run: &mut HookRun) -> Option<T> {
        let (order, hook) = self.rest(run).next()?;
        run.after = Some(*order);
        Some(*hook)
    }

    /// The number of hooks of a run that have not run yet.
    #[must_use]
    pub fn left(&self, run: &HookRun) -> usize {
        self.rest(run).count()
    }

    fn rest(&self, run: &HookRun) -> impl Iterator<Item = &(HookOrder, T)> {
        let run = *run;
        self.list.iter().filter(move |(order, _)| {
            order.1 <= run.newest && run.after.is_none_or(|after| *order > after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(hooks: &HookList<&'static str>) -> Vec<&'static str> {
        let mut run = hooks.start();
        std::iter::from_fn(|| hooks.next(&mut run)).collect()
    }

    #[test]
    fn hooks_run_by_priority_then_in_order_of_addition() {
        let mut hooks = HookList::default();
        for (priority, name) in [(0, "a"), (10, "b"), (0, "c"), (-5, "d"), (10, "e")] {
            hooks.add(priority, name).unwrap();
        }
        assert_eq!(all(&hooks), ["b", "e", "a", "c", "d"]);
        assert_eq!(all(&hooks), ["b", "e", "a", "c", "d"]);
    }

    #[test]
    fn a_run_skips_hooks_removed_or_added_meanwhile() {
        let mut hooks = HookList::default();
        let ids: Vec<_> = ["a", "b", "c"]
            .map(|name| hooks.add(0, name).unwrap())
            .into();
        let mut run = hooks.start();
        assert_eq!(hooks.next(&mut run), Some("a"));
        assert_eq!(hooks.left(&run), 2);
        assert_eq!(hooks.remove(ids[0]), Some("a"));
        assert_eq!(hooks.remove(ids[1]), Some("b"));
        hooks.add(-1, "new").unwrap();
        hooks.add(9, "first, next time").unwrap();
        assert_eq!(hooks.next(&mut run), Some("c"));
        assert_eq!((hooks.next(&mut run), hooks.left(&run)), (None, 0));
        assert_eq!(all(&hooks), ["first, next time", "c", "new"]);
        assert_eq!(hooks.remove(ids[0]), None);
    }

    #[test]
    fn the_number_of_hooks_is_bounded() {
        let mut hooks = HookList::default();
        for _ in 0..MAX_HOOKS {
            assert!(hooks.add(0, ()).is_some());
        }
        assert_eq!(hooks.add(0, ()), None);
        while hooks.pop().is_some() {}
        assert!(hooks.is_empty());
    }
}
