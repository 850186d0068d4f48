//! The one atomic pointer to all state of a process: a fork-aware `OnceLock`. A forked child empties it without taking
//! a lock, because a thread that the child doesn't have may have held any lock.

use std::ptr;

use crate::sync::atomic::{AtomicPtr, Ordering};

/// Holds at most one `T`.
#[derive(Debug)]
pub struct ProcessCell<T>(AtomicPtr<T>);

impl<T: Send + Sync> ProcessCell<T> {
    /// Creates an empty cell, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Returns the content. One atomic load.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        let held = self.0.load(Ordering::Acquire);
        // SAFETY: non-null pointers come from `Box::into_raw` below. They are freed by `take` only,
        // whose contract rules out a reference that is still in use.
        unsafe { held.as_ref() }
    }

    /// Returns the content, created by `make` if the cell is empty. If two threads create one at once, the loser's is
    /// dropped.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(held) = self.get() {
            return held;
        }
        let made = Box::into_raw(Box::new(make()));
        match self
            .0
            .compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: just made from a box, and now owned by the cell.
            Ok(_) => unsafe { &*made },
            Err(winner) => {
                // SAFETY: `made` was never published; `winner` is non-null and held by the cell.
                unsafe {
                    drop(Box::from_raw(made));
                    &*winner
                }
            }
        }
    }

    /// Empties the cell and returns its content.
    ///
    /// # Safety
    /// No reference from [`ProcessCell::get`] or [`ProcessCell::get_or_init`] may be used again. The extension calls it
    /// in MSHUTDOWN, when no PHP code runs any more.
    pub unsafe fn take(&self) -> Option<Box<T>> {
        let held = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: non-null pointers come from `Box::into_raw`, and the swap transferred the ownership.
        (!held.is_null()).then(|| unsafe { Box::from_raw(held) })
    }

    /// Empties the cell without dropping its content: for a forked child, where a destructor would touch the parent's
    /// threads and locks. Async-signal-safe.
    pub fn forget(&self) {
        self.0.store(ptr::null_mut(), Ordering::Release);
    }
}

impl<T: Send + Sync> Default for ProcessCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn cell_is_filled_once_and_emptied_by_take() {
        let cell = ProcessCell::new();
        assert_eq!(*cell.get_or_init(|| 1), 1);
        assert_eq!(*cell.get_or_init(|| 2), 1);
        // SAFETY: no reference is alive.
        assert_eq!(unsafe { cell.take() }.map(|v| *v), Some(1));
        assert!(cell.get().is_none());
    }

    #[test]
    fn forget_does_not_drop() {
        let cell = ProcessCell::new();
        let counted = Arc::new(());
        cell.get_or_init(|| Arc::clone(&counted));
        cell.forget();
        assert!(cell.get().is_none());
        assert_eq!(Arc::strong_count(&counted), 2);
    }
}
