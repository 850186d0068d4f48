//! The one atomic pointer on which all state of a process hangs. A forked child empties it without
//! taking a lock, because any lock may have been held by a thread that the child doesn't have.

use std::ptr;

use crate::sync::atomic::{AtomicPtr, Ordering};

/// Holds at most one `T`.
#[derive(Debug)]
pub struct ProcessCell<T>(AtomicPtr<T>);

impl<T: Send + Sync> ProcessCell<T> {
    /// An empty slot, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// What the slot holds. One atomic load.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        let held = self.0.load(Ordering::Acquire);
        // SAFETY: non-null pointers come from `Box::into_raw` below. They are freed by `take` only,
        // whose contract rules out a reference that is still in use.
        unsafe { held.as_ref() }
    }

    /// What the slot holds, made now where it is empty. Where two threads make one at once, the
    /// second one's is dropped.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(held) = self.get() {
            return held;
        }
        let made = Box::into_raw(Box::new(make()));
        match self
            .0
            .compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: just made from a box, and now owned by the slot.
            Ok(_) => unsafe { &*made },
            Err(winner) => {
                // SAFETY: `made` was never published; `winner` is non-null and held by the slot.
                unsafe {
                    drop(Box::from_raw(made));
                    &*winner
                }
            }
        }
    }

    /// Empties the slot and hands its content over.
    ///
    /// # Safety
    /// No reference that [`ProcessCell::get`] or [`ProcessCell::get_or_init`] gave may be used again. In the
    /// extension: MSHUTDOWN, when no PHP code runs any more.
    pub unsafe fn take(&self) -> Option<Box<T>> {
        let held = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: non-null pointers come from `Box::into_raw`, and the swap made us the owner.
        (!held.is_null()).then(|| unsafe { Box::from_raw(held) })
    }

    /// Empties the slot and forgets its content: for a forked child, where dropping it would touch
    /// the parent's threads and locks. Async-signal-safe.
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
    fn a_slot_is_filled_once_and_emptied_by_its_owner() {
        let slot = ProcessCell::new();
        assert_eq!(*slot.get_or_init(|| 1), 1);
        assert_eq!(*slot.get_or_init(|| 2), 1);
        // SAFETY: no reference is alive.
        assert_eq!(unsafe { slot.take() }.map(|v| *v), Some(1));
        assert!(slot.get().is_none());
    }

    #[test]
    fn a_child_forgets_and_does_not_drop() {
        let slot = ProcessCell::new();
        let counted = Arc::new(());
        slot.get_or_init(|| Arc::clone(&counted));
        slot.forget();
        assert!(slot.get().is_none());
        assert_eq!(Arc::strong_count(&counted), 2);
    }
}
