//! Work on the shared cache that does not block PHP's thread: reads of many keys, and the removal of keys by pattern,
//! which visits the whole table in pieces on a thread of the runtime. Called on PHP's threads.

use std::sync::Arc;

use super::{Engine, Value};
use crate::{
    Result,
    cache::{Cache, CachedValue, PatternEvent, pattern},
    runtime::{CompletionQueue, Job},
    threads::blocking,
};

/// Slots that are visited between two checks whether the job was cancelled.
const PIECE: usize = 8192;

impl Engine {
    /// Reads the values of keys. The job ends with [`Value::Cached`], without the keys that have none.
    #[must_use]
    pub fn fetch_cached(
        &self,
        keys: Vec<Vec<u8>>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Arc<Job<Value>> {
        let found = self.cache().map_or_else(Vec::new, |cache| {
            keys.into_iter()
                .filter_map(|key| self.read_cached(cache, key))
                .collect()
        });
        Job::ready("cache.fetch", completions, Ok(Value::Cached(found)))
    }

    fn read_cached(&self, cache: &Cache, key: Vec<u8>) -> Option<CachedValue> {
        let policies = self.cache_policies();
        let stored = policies.stored_key(&key);
        let found = cache.get(&stored, |value| (value.encoding(), value.to_vec()));
        if let Some(pattern) = policies.number_of(&key) {
            let event = match found {
                Some(_) => PatternEvent::Hit,
                None => PatternEvent::Miss,
            };
            cache.count_pattern(pattern, event, 1);
        }
        let (encoding, bytes) = found?;
        Some(CachedValue {
            encoding,
            bytes,
            key,
        })
    }

    /// Has the values of keys in shared memory, as far as they exist. The job ends with the number of keys that have one
    /// there.
    #[must_use]
    pub fn warm_cached(
        &self,
        keys: &[Vec<u8>],
        completions: Option<Arc<CompletionQueue>>,
    ) -> Arc<Job<Value>> {
        let count = self.cache().map_or(0, |cache| {
            let has = |key: &&Vec<u8>| cache.has(&self.cache_policies.stored_key(key));
            keys.iter().filter(has).count()
        });
        let count = Value::Report(count.into());
        Job::ready("cache.warm", completions, Ok(count))
    }

    /// Removes the values of all keys that match a pattern, as they are stored. The job ends with their number.
    ///
    /// # Errors
    /// As [`Runtime::spawn`](crate::runtime::Runtime::spawn).
    pub fn delete_cached_matching(
        &self,
        pattern: Vec<u8>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        const KIND: &str = "cache.delete_matching";
        if self.checked_cache().is_none() {
            return Ok(Job::ready(KIND, completions, Ok(Value::Report(0.into()))));
        }
        let cell = Arc::clone(&self.cache);
        let second_tier = self.second_tier().cloned();
        self.spawn(KIND, completions, |context| async move {
            let mut on_server = 0;
            if let Some(tier) = second_tier {
                // First, because a read meanwhile brings a value of the server back. A failure is counted there.
                let removed = tier.remove_where(|key| pattern::matches(&pattern, key));
                on_server = removed.await.unwrap_or_default();
            }
            let removed = blocking(move || {
                let (mut removed, mut next) = (on_server, Some(0));
                while let (Some(cache), Some(from)) = (cell.get(), next)
                    && !context.cancel.is_cancelled()
                {
                    let (count, rest) = cache.delete_matching(&pattern, from, PIECE);
                    removed += count as u64;
                    next = rest;
                }
                removed
            });
            Ok(Value::Report(removed.await?.into()))
        })
    }
}
