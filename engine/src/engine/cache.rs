//! The shared cache of the process's namespace: opened by the first call, opened again if its file was removed, and tried
//! again after a while if it can't be opened. It is never in the way: without it, reads are misses. On PHP's threads.

use std::{
    path::PathBuf,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicPtr, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{Engine, host_member::PeriodicTask};
use crate::{
    cache::{Cache, Ttl},
    config::Capability,
    host::clock,
    shm::checksum,
};

/// Milliseconds after which a cache that could not be opened is tried again.
const RETRY_INTERVAL: u64 = 10_000;
/// Interval of the leader's task.
const PRUNE_INTERVAL: Duration = Duration::from_secs(10);
/// Milliseconds after which the file of the segment is checked again.
const CHECK_INTERVAL: u64 = 1000;

/// The opened cache.
#[derive(Default)]
pub(super) struct CacheCell {
    /// Null until it is opened.
    current: AtomicPtr<Cache>,
    /// When the file is to be checked, or opening tried, by the coarse clock.
    next_check: AtomicU64,
    /// Why it is not open.
    failure: Mutex<Option<String>>,
}

impl Drop for CacheCell {
    fn drop(&mut self) {
        let current = self.current.swap(ptr::null_mut(), Ordering::AcqRel);
        if !current.is_null() {
            // SAFETY: made by `Box::into_raw` below, and nothing refers to it: the cell is dropped.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

impl Engine {
    /// The cache, or `None` if it is switched off or can't be opened, which was logged.
    #[inline]
    pub fn cache(&self) -> Option<&Cache> {
        match self.cache.get() {
            Some(cache) => Some(cache),
            None => self.open_cache(),
        }
    }

    /// As [`Engine::cache`], for a store or after a miss: checks once a second that the file of the segment was not
    /// removed, by a cleaner of temporary files for one, and opens a new one then.
    #[inline]
    pub fn checked_cache(&self) -> Option<&Cache> {
        if clock::coarse_ms() >= self.cache.next_check.load(Ordering::Relaxed) {
            self.check_cache();
        }
        self.cache()
    }

    /// The lifetime of a value that is stored without one.
    pub fn default_ttl(&self) -> Ttl {
        let ttl = self.settings().cache.ttl_default;
        if ttl.is_zero() {
            Ttl::Forever
        } else {
            Ttl::For(ttl)
        }
    }

    /// The state of the cache, for a health page.
    pub fn cache_stats(&self) -> Value {
        let settings = &self.settings().cache;
        let cache = self.checked_cache();
        let failure = self.cache.failure().clone();
        let mut stats = cache.map_or_else(
            || json!({}),
            |cache| serde_json::to_value(cache.stats()).unwrap_or_default(),
        );
        if let Value::Object(fields) = &mut stats {
            fields.insert("enabled".into(), json!(settings.enabled));
            fields.insert("available".into(), json!(cache.is_some()));
            fields.insert("reason".into(), json!(failure));
            fields.insert("namespace".into(), json!(settings.namespace));
            fields.insert("path".into(), json!(self.cache_path()));
        }
        stats
    }

    /// The leader's task: removes expired values, and returns the memory of dead processes.
    pub(super) fn cache_task(&self) -> Option<PeriodicTask> {
        let cell = Arc::clone(&self.cache);
        let asked = Arc::clone(&self.cache);
        self.settings().cache.enabled.then(|| PeriodicTask {
            name: "prune cache",
            interval: PRUNE_INTERVAL,
            is_needed: Some(Arc::new(move || asked.get().is_some())),
            run: Arc::new(move || {
                if let Some(cache) = cell.get() {
                    cache.recover();
                    cache.prune();
                }
            }),
        })
    }

    fn cache_path(&self) -> Option<PathBuf> {
        let namespace = self.settings().cache.namespace.as_deref().unwrap_or("");
        let digest = checksum::of_parts(namespace.as_bytes(), b"cache");
        let dirs = self.dirs().ok()?;
        Some(dirs.run.join(format!("cache-v1-{digest:016x}.seg")))
    }

    #[cold]
    fn open_cache(&self) -> Option<&Cache> {
        if !self.settings().cache.enabled
            || clock::coarse_ms() < self.cache.next_check.load(Ordering::Relaxed)
        {
            return None;
        }
        let mut failure = self.cache.failure();
        if self.cache.current.load(Ordering::Acquire).is_null() {
            match self.try_open_cache() {
                Ok(cache) => {
                    if cache.is_smaller() {
                        log::warn!(bytes = cache.bytes(); "shared cache smaller than cache.memory: no space");
                    }
                    *failure = None;
                    let opened = Box::into_raw(Box::new(cache));
                    self.cache.current.store(opened, Ordering::Release);
                    self.cache.schedule(CHECK_INTERVAL);
                }
                Err(error) => {
                    // The same failure is logged once.
                    if failure.as_ref() != Some(&error) {
                        log::warn!(error = error.as_str(); "shared cache not available");
                    }
                    *failure = Some(error);
                    self.cache.schedule(RETRY_INTERVAL);
                }
            }
        }
        drop(failure);
        self.cache.get()
    }

    fn try_open_cache(&self) -> Result<Cache, String> {
        self.check_capability(Capability::Cache)
            .map_err(|error| error.to_string())?;
        let dirs = self.dirs().map_err(|error| error.to_string())?;
        dirs.restore().map_err(|error| error.to_string())?;
        let path = self.cache_path().unwrap_or_default();
        let bytes = self.settings().cache.memory_bytes.try_into();
        Cache::open(&path, bytes.unwrap_or(usize::MAX))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    #[cold]
    fn check_cache(&self) {
        let current = self.cache.current.load(Ordering::Acquire);
        let (Some(cache), Some(path)) = (self.cache.get(), self.cache_path()) else {
            return;
        };
        self.cache.schedule(CHECK_INTERVAL);
        if cache.is_current(&path) {
            return;
        }
        log::warn!("shared cache removed: a new one is created");
        // The former one is never freed: another thread may use it.
        let swapped = self.cache.current.compare_exchange(
            current,
            ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if swapped.is_ok() {
            self.cache.next_check.store(0, Ordering::Relaxed);
        }
    }
}

impl CacheCell {
    #[inline]
    fn get(&self) -> Option<&Cache> {
        // SAFETY: null, or a cache that is freed with this cell at the earliest.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn schedule(&self, interval: u64) {
        let next = clock::coarse_ms().saturating_add(interval);
        self.next_check.store(next, Ordering::Relaxed);
    }
}
