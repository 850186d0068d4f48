//! The shared cache: totals, counts by pattern, keys, and the largest values.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::seconds;
use crate::{
    cache::{Cache, EntryInfo, Space, pattern},
    engine::Engine,
};

/// Values of the list of the largest ones.
const LARGEST: usize = 50;
/// Values that are visited for that list, and the time for it: a table may have millions.
const MAX_VISITED: usize = 1_000_000;
const MAX_SCAN: Duration = Duration::from_millis(50);
/// Values between two checks of the time.
const PIECE: usize = 1024;
/// A pattern of more bytes takes long for one key, so the time is checked at each.
const LONG_PATTERN: usize = 32;

impl Engine {
    /// The cache, if a process has created it: a view creates none.
    #[must_use]
    pub fn existing_cache(&self) -> Option<&Cache> {
        let exists = || self.cache_path().is_some_and(|path| path.exists());
        match self.settings().cache.enabled && exists() {
            true => self.checked_cache(),
            false => None,
        }
    }

    pub(super) fn cache_totals(&self) -> Value {
        let cache = self.existing_cache();
        let stats = cache.map(Cache::stats);
        let count = |read: fn(&crate::cache::Stats) -> u64| stats.as_ref().map_or(0, read);
        let lookups = count(|stats| stats.hits + stats.misses);
        json!({
            "enabled": self.settings().cache.enabled,
            "available": cache.is_some(),
            "reason": self.cache_failure(),
            "hit_ratio": (lookups > 0).then(|| count(|stats| stats.hits) as f64 / lookups as f64),
            "bytes_used": count(|stats| stats.memory_used),
            "bytes_limit": stats.as_ref().map_or(self.settings().cache.memory_bytes, |stats| {
                stats.memory_used + stats.memory_free
            }),
            "entries": count(|stats| stats.entries),
            "evictions": count(|stats| stats.evictions),
            "second_tier": {
                "configured": self.second_tier().is_some(),
                "connected": self.second_tier().map(|tier| tier.is_connected()),
            },
        })
    }

    /// The cache with its patterns and its largest values, which are searched for some milliseconds.
    #[must_use]
    pub fn cache_view(&self) -> Value {
        let mut view = self.cache_totals();
        let cache = self.existing_cache();
        let Value::Object(fields) = &mut view else {
            return view;
        };
        let settings = &self.settings().cache;
        fields.insert("namespace".into(), json!(settings.namespace));
        fields.insert("path".into(), json!(self.cache_path()));
        if let Some(cache) = cache {
            if let Ok(Value::Object(stats)) = serde_json::to_value(cache.stats()) {
                fields.insert("stats".into(), Value::Object(stats));
            }
            fields.insert("patterns".into(), self.patterns_view(cache));
            let (largest, is_complete) = largest(cache);
            fields.insert("largest".into(), largest);
            fields.insert("largest_complete".into(), is_complete.into());
        } else {
            fields.insert("patterns".into(), json!([]));
            fields.insert("largest".into(), json!([]));
        }
        if let Some(tier) = self.second_tier() {
            let mut second = tier.stats();
            if let Value::Object(second) = &mut second {
                second.insert("configured".into(), true.into());
            }
            fields.insert("second_tier".into(), second);
        }
        view
    }

    fn patterns_view(&self, cache: &Cache) -> Value {
        let counts = self.pattern_counts(cache).into_iter();
        let patterns = counts.map(|(pattern, counts)| {
            let lookups = counts.hits + counts.misses;
            json!({
                "pattern": pattern,
                "hits": counts.hits,
                "misses": counts.misses,
                "ratio": (lookups > 0).then(|| counts.hits as f64 / lookups as f64),
                "stores": counts.stores,
                "failures": counts.refused,
            })
        });
        patterns.collect()
    }

    /// Keys that match a pattern (none: all), at most `limit`, from after `after` on in the order of the table. `next`
    /// is the key to go on after, null at the end of the table.
    #[must_use]
    pub fn cache_keys_view(
        &self,
        wanted: Option<&[u8]>,
        limit: usize,
        after: Option<&[u8]>,
    ) -> Value {
        let Some(cache) = self.existing_cache() else {
            return json!({ "keys": [], "next": null });
        };
        let (begin, mut visited) = (Instant::now(), 0_usize);
        let is_long = wanted.is_some_and(|wanted| wanted.len() > LONG_PATTERN);
        let piece = if is_long { 1 } else { PIECE };
        let (mut keys, mut next) = (Vec::new(), None);
        cache.for_each_key(after, |key| {
            visited += 1;
            let is_over =
                keys.len() >= limit || visited.is_multiple_of(piece) && begin.elapsed() > MAX_SCAN;
            if wanted.is_none_or(|wanted| pattern::matches(wanted, &key)) {
                keys.push(key.clone());
            }
            if keys.len() >= limit || is_over {
                next = Some(key);
                return false;
            }
            true
        });
        // A value that was removed after its key was read is not listed.
        let entries = keys.iter().filter_map(|key| {
            let info = cache.info_in(Space::Values, key)?;
            let mut view = key_view("key", key);
            view.insert("bytes".into(), info.bytes.into());
            view.insert("expires".into(), json!(expires(&info)));
            Some(Value::Object(view))
        });
        let keys: Vec<Value> = entries.collect();
        let mut view = Map::new();
        view.insert("keys".into(), keys.into());
        match next {
            Some(next) => view.extend(key_view("next", &next)),
            None => drop(view.insert("next".into(), Value::Null)),
        }
        Value::Object(view)
    }
}

/// Bytes, key and expiry of a value.
type Large = (usize, Vec<u8>, Option<u64>);

/// The largest values, and whether all values were visited.
fn largest(cache: &Cache) -> (Value, bool) {
    let begin = Instant::now();
    let mut found: BinaryHeap<Reverse<Large>> = BinaryHeap::new();
    let mut visited = 0_usize;
    let next = cache.scan_in(Space::Values, 0, |entry| {
        visited += 1;
        let smallest = found.peek().map_or(0, |Reverse((bytes, ..))| *bytes);
        if found.len() < LARGEST || entry.bytes > smallest {
            let expires = expires_ms(&entry);
            found.push(Reverse((entry.bytes, entry.key, expires)));
            if found.len() > LARGEST {
                found.pop();
            }
        }
        visited < MAX_VISITED && !(visited.is_multiple_of(PIECE) && begin.elapsed() > MAX_SCAN)
    });
    let entries = found.into_sorted_vec().into_iter();
    let entries = entries.map(|Reverse((bytes, key, expires))| {
        let mut view = key_view("key", &key);
        view.insert("bytes".into(), bytes.into());
        view.insert("expires".into(), json!(expires.map(seconds)));
        Value::Object(view)
    });
    (entries.collect(), next.is_none())
}

fn expires_ms(entry: &EntryInfo) -> Option<u64> {
    entry.ttl_ms.map(|ttl| entry.stored_ms.saturating_add(ttl))
}

fn expires(entry: &EntryInfo) -> Option<f64> {
    expires_ms(entry).map(seconds)
}

/// A key as `name`, or as `name_base64` if it is not UTF-8.
fn key_view(name: &str, key: &[u8]) -> Map<String, Value> {
    let (name, text) = match std::str::from_utf8(key) {
        Ok(text) => (name.to_owned(), text.to_owned()),
        Err(_) => (format!("{name}_base64"), STANDARD.encode(key)),
    };
    [(name, Value::String(text))].into_iter().collect()
}
