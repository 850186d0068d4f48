//! Work on the shared cache that does not block PHP's thread: reads of many keys, and the removal of keys by pattern,
//! which visits the whole table in pieces on a thread of the runtime. Values that the first tier lacks are read from
//! the second one. Called on PHP's threads.

use std::sync::Arc;

use super::{Engine, Value, cache_cell::CacheCell};
use crate::{
    Result,
    cache::{Cache, CachedValue, pattern, redis::SecondTier},
    runtime::{CompletionQueue, Job, JobContext},
    threads::blocking,
};

/// Slots that are visited between two checks whether the job was cancelled.
const PIECE: usize = 8192;

impl Engine {
    /// Reads the values of keys. The job ends with [`Value::Cached`], without the keys that have none.
    ///
    /// # Errors
    /// As [`Runtime::spawn`](crate::runtime::Runtime::spawn), if the second tier is asked.
    pub fn fetch_cached(
        &self,
        keys: Vec<Vec<u8>>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        const KIND: &str = "cache.fetch";
        let mut found = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        if let Some(cache) = self.cache() {
            for key in keys {
                match self.read_cached(cache, &key) {
                    Some(value) => found.push(value),
                    None => missing.push(key),
                }
            }
        }
        let Some((tier, missing)) = self.asked_of_second_tier(missing) else {
            return Ok(Job::ready(KIND, completions, Ok(Value::Cached(found))));
        };
        self.spawn(KIND, completions, |_| async move {
            let (given, stored): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
            // Without an answer these keys have no value.
            let read = tier.read(stored).await.unwrap_or_default();
            let read = given.into_iter().zip(read).filter_map(|(key, value)| {
                let value = value?;
                Some(CachedValue {
                    key,
                    encoding: value.encoding,
                    bytes: value.bytes.clone(),
                })
            });
            found.extend(read);
            Ok(Value::Cached(found))
        })
    }

    fn read_cached(&self, cache: &Cache, key: &[u8]) -> Option<CachedValue> {
        let policies = self.cache_policies();
        let stored = policies.stored_key(key);
        let found = cache.get(&stored, |value| (value.encoding(), value.to_vec()));
        cache.count_lookup(policies.number_of(key), found.is_some());
        let (encoding, bytes) = found?;
        Some(CachedValue {
            key: key.to_vec(),
            encoding,
            bytes,
        })
    }

    /// The second tier with those of the keys that it may have, each as given and as stored; `None` if there is nothing
    /// to ask for.
    #[allow(clippy::type_complexity, reason = "pairs of keys, used twice below")]
    fn asked_of_second_tier(
        &self,
        keys: Vec<Vec<u8>>,
    ) -> Option<(Arc<SecondTier>, Vec<(Vec<u8>, Vec<u8>)>)> {
        let tier = self.second_tier()?;
        let policies = self.cache_policies();
        let asked: Vec<_> = keys
            .into_iter()
            .filter(|key| !policies.policy_for(key).is_first_tier_only)
            .map(|key| {
                let stored = policies.stored_key(&key).into_owned();
                (key, stored)
            })
            .collect();
        (!asked.is_empty()).then(|| (Arc::clone(tier), asked))
    }

    /// Brings the values of keys into shared memory, as far as they exist. The job ends with the number of keys that
    /// have one there.
    ///
    /// # Errors
    /// As [`Engine::fetch_cached`].
    pub fn warm_cached(
        &self,
        keys: Vec<Vec<u8>>,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        const KIND: &str = "cache.warm";
        let (mut count, mut missing) = (0, Vec::new());
        if let Some(cache) = self.checked_cache() {
            for key in keys {
                match cache.has(&self.cache_policies.stored_key(&key)) {
                    true => count += 1,
                    false => missing.push(key),
                }
            }
        }
        let Some((tier, missing)) = self.asked_of_second_tier(missing) else {
            let count = Value::Report(count.into());
            return Ok(Job::ready(KIND, completions, Ok(count)));
        };
        self.spawn(KIND, completions, |_| async move {
            let stored = missing.into_iter().map(|(_, stored)| stored).collect();
            let read = tier.read(stored).await.unwrap_or_default();
            count += read.iter().flatten().count();
            Ok(Value::Report(count.into()))
        })
    }

    /// Removes the values of all keys that match a pattern, as they are stored, in both tiers. The job ends with their
    /// number; a value of both tiers counts once.
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
        let (cell, tier) = (Arc::clone(&self.cache), self.second_tier().cloned());
        self.spawn(KIND, completions, |context| async move {
            let mut removed = 0;
            // First, so that no value of it comes back; it removes its keys from the first tier too.
            if let Some(tier) = tier {
                let is_meant = |key: &[u8]| pattern::matches(&pattern, key);
                removed += tier.remove_where(is_meant).await.unwrap_or_default();
            }
            removed += blocking(move || delete_matching(&cell, &pattern, &context)).await?;
            Ok(Value::Report(removed.into()))
        })
    }
}

fn delete_matching(cell: &CacheCell, pattern: &[u8], context: &JobContext) -> u64 {
    let (mut removed, mut next) = (0, Some(0));
    while let (Some(cache), Some(from)) = (cell.get(), next)
        && !context.cancel.is_cancelled()
    {
        let (count, rest) = cache.delete_matching(pattern, from, PIECE);
        removed += count as u64;
        next = rest;
    }
    removed
}
