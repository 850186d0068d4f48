//! Holds the opened cache of a process: null until it is opened, and replaced if its file was removed. Readers load one
//! pointer. On PHP's threads, and on the leader's.

use std::{
    path::Path,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicPtr, AtomicU64, Ordering},
    },
};

use crate::{cache::Cache, host::clock};

/// Milliseconds after which a cache that could not be opened is tried again.
const RETRY_INTERVAL: u64 = 10_000;
/// Milliseconds after which the file of the segment is checked again.
const CHECK_INTERVAL: u64 = 1000;

/// The opened cache.
#[derive(Default)]
pub(super) struct CacheCell {
    current: AtomicPtr<Cache>,
    /// When the file is to be checked, or opening tried, by the coarse clock.
    next_check: AtomicU64,
    /// Why it is not open.
    failure: Mutex<Option<String>>,
}

impl CacheCell {
    /// The cache, if it is open.
    #[inline]
    pub(super) fn get(&self) -> Option<&Cache> {
        // SAFETY: null, or a cache that is freed with this cell at the earliest.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    /// Why the cache is not open; `None` if that was not tried.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Whether it is time for [`CacheCell::check`].
    #[inline]
    pub(super) fn is_check_due(&self) -> bool {
        clock::coarse_ms() >= self.next_check.load(Ordering::Relaxed)
    }

    /// Opens the cache by `open`, unless that has failed a moment ago. A new failure is logged.
    pub(super) fn open(&self, open: impl FnOnce() -> Result<Cache, String>) -> Option<&Cache> {
        let mut failure = self.lock();
        if self.get().is_none() && self.is_check_due() {
            match open() {
                Ok(cache) => {
                    if cache.is_smaller() {
                        log::warn!(
                            bytes = cache.bytes();
                            "shared cache smaller than cache.memory"
                        );
                    }
                    *failure = None;
                    let opened = Box::into_raw(Box::new(cache));
                    self.current.store(opened, Ordering::Release);
                    self.schedule(CHECK_INTERVAL);
                }
                Err(error) => {
                    if failure.as_ref() != Some(&error) {
                        log::warn!(error = error.as_str(); "shared cache not available");
                    }
                    *failure = Some(error);
                    self.schedule(RETRY_INTERVAL);
                }
            }
        }
        drop(failure);
        self.get()
    }

    /// Closes the cache if its file was removed, so that a new one is opened.
    #[cold]
    pub(super) fn check(&self, path: &Path) {
        let Some(cache) = self.get() else {
            return;
        };
        self.schedule(CHECK_INTERVAL);
        if cache.is_file_at(path) {
            return;
        }
        log::warn!("shared cache removed: a new one is created");
        // The former one is never freed: another thread may use it.
        let swapped = self.current.compare_exchange(
            ptr::from_ref(cache).cast_mut(),
            ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if swapped.is_ok() {
            self.next_check.store(0, Ordering::Relaxed);
        }
    }

    fn schedule(&self, interval: u64) {
        let next = clock::coarse_ms().saturating_add(interval);
        self.next_check.store(next, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CacheCell {
    fn drop(&mut self) {
        let current = self.current.swap(ptr::null_mut(), Ordering::AcqRel);
        if !current.is_null() {
            // SAFETY: made by `Box::into_raw` above, and nothing refers to it: the cell is dropped.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}
