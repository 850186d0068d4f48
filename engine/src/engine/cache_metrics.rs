//! The metrics of the shared cache, read from its segment. On PHP's threads.

use super::Engine;
use crate::{
    cache::{Cache, PatternCounts, Space, Stats},
    metrics::{Derived, Samples, Source, cache as metric},
};

/// The value of the label `key_type` for keys without a pattern.
const OTHER: &str = "other";
/// The value of that label for APCu's functions.
const APCU: &str = "apcu";
/// The value of the label `service` without a namespace.
const NO_NAMESPACE: &str = "default";

/// The cache of the process's namespace.
pub(super) struct CacheMetrics<'a>(pub &'a Engine);

impl Source for CacheMetrics<'_> {
    fn read(&self, samples: &mut Samples) {
        let engine = self.0;
        // Another process may have created the cache; no page creates one.
        let exists = || engine.cache_path().is_some_and(|path| path.exists());
        let opened = engine.cache.get();
        let Some(cache) = opened.or_else(|| exists().then(|| engine.cache()).flatten()) else {
            return;
        };
        let namespace = engine.settings().cache.namespace.as_deref();
        let service = namespace.unwrap_or(NO_NAMESPACE);
        let stats = cache.stats();
        let mut add = |metric: &Derived, number: f64| samples.add(metric, &[service], number);
        add_memory(&stats, &mut add);
        let (hits, misses) = cache.lookups_in(Space::Apcu);
        add(&metric::ALL_MISSES, (stats.misses + misses) as f64);
        add(
            &metric::HIT_RATIO,
            ratio(stats.hits + hits, stats.misses + misses),
        );
        let apcu = PatternCounts {
            hits,
            misses,
            ..PatternCounts::default()
        };
        for (key_type, counts) in by_key_type(engine, cache, &stats, apcu) {
            for (metric, count) in [
                (&metric::HITS, counts.hits),
                (&metric::MISSES, counts.misses),
                (&metric::REFUSED, counts.refused),
            ] {
                samples.add(metric, &[service, key_type], count as f64);
            }
        }
    }
}

fn add_memory(stats: &Stats, add: &mut impl FnMut(&Derived, f64)) {
    add(&metric::EVICTIONS, stats.evictions as f64);
    add(&metric::MEMORY_USED, stats.memory_used as f64);
    let limit = stats.memory_used + stats.memory_free;
    add(&metric::MEMORY_LIMIT, limit as f64);
    let since_ms = stats.cleared_ms.unwrap_or(0).max(stats.created_ms);
    add(&metric::FILLED_SINCE, since_ms as f64 / 1000.0);
}

/// The counts of each pattern, of keys without one, and of APCu's functions if a process has called them.
fn by_key_type<'a>(
    engine: &'a Engine,
    cache: &Cache,
    stats: &Stats,
    apcu: PatternCounts,
) -> Vec<(&'a str, PatternCounts)> {
    let mut others = PatternCounts {
        hits: stats.hits,
        misses: stats.misses,
        stores: stats.stores,
        refused: stats.refused,
    };
    let mut all: Vec<_> = engine.pattern_counts(cache).into_iter().collect();
    for (_, counts) in &all {
        others.hits = others.hits.saturating_sub(counts.hits);
        others.misses = others.misses.saturating_sub(counts.misses);
        others.refused = others.refused.saturating_sub(counts.refused);
    }
    all.push((OTHER, others));
    if apcu.hits + apcu.misses > 0 {
        all.push((APCU, apcu));
    }
    all
}

fn ratio(hits: u64, misses: u64) -> f64 {
    match hits + misses {
        0 => 0.0,
        lookups => hits as f64 / lookups as f64,
    }
}
