//! The shared cache of the process's namespace: opened by the first call, opened again if its file was removed, and
//! tried again after a while if it can't be opened. It is never in the way: without it, reads are misses. On PHP's
//! threads.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::Engine;
use crate::{
    cache::{Cache, PatternCounts, Policies, Ttl},
    config::{Capability, size},
    host::leader::PeriodicTask,
    shm::checksum,
};

/// Interval of the leader's task.
const PRUNE_INTERVAL: Duration = Duration::from_secs(10);
/// Interval at which dead processes are looked for, where values must not outlive their process.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

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
        if self.cache.is_check_due()
            && let Some(path) = self.cache_path()
        {
            self.cache.check(&path);
        }
        self.cache()
    }

    /// The policies by key pattern.
    #[must_use]
    #[inline]
    pub fn cache_policies(&self) -> &Policies {
        &self.cache_policies
    }

    /// Time after which another caller of `remember()` takes over from one that produces a value.
    #[must_use]
    pub fn producer_timeout(&self) -> Duration {
        self.settings().cache.producer_timeout
    }

    /// The lifetime of a value of `key` that is stored without one.
    #[must_use]
    pub fn default_ttl(&self, key: &[u8]) -> Ttl {
        let policy = self.cache_policies.policy_for(key);
        let ttl = policy.ttl.unwrap_or(self.settings().cache.ttl_default);
        if ttl.is_zero() {
            Ttl::Forever
        } else {
            Ttl::For(ttl)
        }
    }

    /// Bytes that a PHP thread may keep of decoded values.
    #[must_use]
    #[inline]
    pub fn cache_local_bytes(&self) -> usize {
        self.settings()
            .cache
            .local_bytes
            .try_into()
            .unwrap_or(usize::MAX)
    }

    /// The open cache, if it is the one at that address.
    #[must_use]
    pub fn open_cache_at(&self, address: usize) -> Option<&Cache> {
        self.cache
            .get()
            .filter(|cache| std::ptr::from_ref(*cache).addr() == address)
    }

    /// The state of the cache, for a health page.
    #[must_use]
    pub fn cache_stats(&self) -> Value {
        let settings = &self.settings().cache;
        let cache = self.checked_cache();
        let mut stats = cache.map_or_else(
            || json!({}),
            |cache| serde_json::to_value(cache.stats()).unwrap_or_default(),
        );
        if let Value::Object(fields) = &mut stats {
            fields.insert("enabled".into(), json!(settings.enabled));
            fields.insert("available".into(), json!(cache.is_some()));
            fields.insert("reason".into(), json!(self.cache.failure()));
            fields.insert("namespace".into(), json!(settings.namespace));
            fields.insert("path".into(), json!(self.cache_path()));
            if let Some(cache) = cache {
                fields.insert("patterns".into(), json!(self.pattern_counts(cache)));
            }
            if let Some(tier) = self.second_tier() {
                fields.insert("second_tier".into(), tier.stats());
            }
        }
        stats
    }

    /// The counts of each pattern that is counted.
    pub(super) fn pattern_counts(&self, cache: &Cache) -> BTreeMap<&str, PatternCounts> {
        let policies = self.cache_policies.iter().enumerate();
        policies
            .filter_map(|(number, policy)| {
                Some((policy.pattern.as_str(), cache.pattern_counts(number)?))
            })
            .collect()
    }

    /// The leader's task: removes expired values, and returns the memory of dead processes.
    pub(super) fn cache_task(&self) -> Option<PeriodicTask> {
        let (cell, asked) = (Arc::clone(&self.cache), Arc::clone(&self.cache));
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

    /// The leader's task with a second tier: drops what the connection of a dead process has covered.
    pub(super) fn coverage_task(&self) -> Option<PeriodicTask> {
        let (cell, asked) = (Arc::clone(&self.cache), Arc::clone(&self.cache));
        self.second_tier().map(|_| PeriodicTask {
            name: "drop values of dead processes",
            interval: RECOVERY_INTERVAL,
            is_needed: Some(Arc::new(move || asked.get().is_some())),
            run: Arc::new(move || {
                if let Some(cache) = cell.get() {
                    cache.recover();
                }
            }),
        })
    }

    /// Why the cache can't be opened; `None` if it is open or that was not tried.
    #[must_use]
    pub fn cache_failure(&self) -> Option<String> {
        self.cache.failure()
    }

    /// That the cache is smaller than its setting, with the remedy; `None` if it is not, or not open.
    #[must_use]
    pub fn cache_shortage(&self) -> Option<String> {
        let cache = self.cache.get().filter(|cache| cache.is_smaller())?;
        Some(format!(
            "the shared cache has {} MiB, not the {} MiB of pillion.cache_memory: its creator had no more space, or a smaller setting; remove {} to have a new one",
            cache.bytes() / size::MIB,
            self.settings().cache.memory_bytes / size::MIB,
            self.cache_path().unwrap_or_default().display(),
        ))
    }

    /// The file of the namespace's segment. `None` without usable directories.
    #[must_use]
    pub fn cache_path(&self) -> Option<PathBuf> {
        let namespace = self.settings().cache.namespace.as_deref().unwrap_or("");
        let digest = checksum::of_parts(namespace.as_bytes(), b"cache");
        let dirs = self.dirs().ok()?;
        Some(dirs.run.join(format!("cache-v2-{digest:016x}.seg")))
    }

    #[cold]
    fn open_cache(&self) -> Option<&Cache> {
        let settings = &self.settings().cache;
        if !settings.enabled || !self.cache.is_check_due() {
            return None;
        }
        self.cache.open(|| {
            self.check_capability(Capability::Cache)
                .and_then(|()| self.dirs()?.restore())
                .map_err(|error| error.to_string())?;
            let path = self.cache_path().unwrap_or_default();
            let bytes = settings.memory_bytes.try_into().unwrap_or(usize::MAX);
            let mut cache = Cache::open(&path, bytes)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let patterns = self.cache_policies.iter();
            cache.count_patterns(patterns.map(|policy| policy.pattern.as_str()));
            Ok(cache)
        })
    }
}
