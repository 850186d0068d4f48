//! The segment that the process has open: one pointer, which a forked child empties without a lock. A segment is never
//! unmapped, because PHP's threads keep references to series. Any thread.

use std::{
    path::{Path, PathBuf},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::Application;

struct Current {
    application: Application,
    /// `None`: memory of this process alone.
    path: Option<PathBuf>,
}

static CURRENT: AtomicPtr<Current> = AtomicPtr::new(ptr::null_mut());

#[inline]
fn get() -> Option<&'static Current> {
    // SAFETY: null, or leaked by `install`.
    unsafe { CURRENT.load(Ordering::Acquire).as_ref() }
}

/// The metrics of the application, if they are open.
#[inline]
#[must_use]
pub fn current() -> Option<&'static Application> {
    get().map(|current| &current.application)
}

/// Opens the metrics for the process, from the file at `path` or in memory of its own. Of threads that do so at once,
/// the first one wins.
pub fn install(application: Application, path: Option<PathBuf>) -> &'static Application {
    let new = Box::into_raw(Box::new(Current { application, path }));
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
    get().is_some_and(|current| {
        let path = current.path.as_deref();
        path.is_some_and(|path| !current.application.records.is_current(path))
    })
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
pub(in super::super) fn after_fork() {
    CURRENT.store(ptr::null_mut(), Ordering::Release);
}
