//! The segment that the process has open: one pointer, which a forked child empties without a lock. A segment is never
//! unmapped, because PHP's threads keep references to series. Any thread.

use std::{
    path::{Path, PathBuf},
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use super::Application;

/// Milliseconds between two looks whether the file was removed. A process that only counts has no task that looks.
const CHECK_INTERVAL: u64 = 1000;

struct Current {
    application: Application,
    /// `None`: memory of this process alone.
    path: Option<PathBuf>,
    /// When the file is to be checked, by the coarse clock.
    next_check: AtomicU64,
}

impl Current {
    fn is_lost(&self) -> bool {
        let path = self.path.as_deref();
        path.is_some_and(|path| !self.application.records.is_current(path))
    }

    /// Closes the metrics if their file was removed. Returns whether they are open.
    #[cold]
    fn check(&'static self, now: u64) -> bool {
        self.next_check
            .store(now.saturating_add(CHECK_INTERVAL), Ordering::Relaxed);
        if !self.is_lost() {
            return true;
        }
        let this = ptr::from_ref(self).cast_mut();
        // Another thread may have opened new ones.
        let _ =
            CURRENT.compare_exchange(this, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        false
    }
}

static CURRENT: AtomicPtr<Current> = AtomicPtr::new(ptr::null_mut());

#[inline]
fn get() -> Option<&'static Current> {
    // SAFETY: null, or leaked by `install`.
    unsafe { CURRENT.load(Ordering::Acquire).as_ref() }
}

/// The metrics of the application, if they are open. `now` is the coarse clock in milliseconds. Closes them if their
/// file was removed: one system call a second.
#[inline]
#[must_use]
pub fn current(now: u64) -> Option<&'static Application> {
    let current = get()?;
    let is_open = now < current.next_check.load(Ordering::Relaxed) || current.check(now);
    is_open.then_some(&current.application)
}

/// Opens the metrics for the process, from the file at `path` or in memory of its own. Of threads that do so at once,
/// the first one wins.
pub fn install(application: Application, path: Option<PathBuf>) -> &'static Application {
    let new = Box::into_raw(Box::new(Current {
        application,
        path,
        next_check: AtomicU64::new(0),
    }));
    let swapped =
        CURRENT.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire);
    let current = swapped.map_or_else(
        |current| {
            // SAFETY: made above, and no other thread has it.
            drop(unsafe { Box::from_raw(new) });
            current
        },
        |_| new,
    );
    // SAFETY: leaked here, now or by another thread.
    unsafe { &(*current).application }
}

/// Whether the file that is open was removed. One system call.
pub(in super::super) fn is_lost() -> bool {
    get().is_some_and(Current::is_lost)
}

/// Closes the metrics if their file was removed or lies in another directory than `run_dir`, so that the next use opens
/// new ones.
pub(in super::super) fn check(run_dir: &Path) {
    let is_elsewhere = get().is_some_and(|current| {
        let path = current.path.as_deref();
        path.is_some_and(|path| path.parent() != Some(run_dir))
    });
    if is_elsewhere || is_lost() {
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Opens nothing in a forked child: its directories may be others. Async-signal-safe.
pub(super) fn after_fork() {
    CURRENT.store(ptr::null_mut(), Ordering::Release);
}
