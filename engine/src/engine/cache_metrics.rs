//! The metrics of the shared cache, read from its segment. On PHP's threads.

use super::Engine;
use crate::{
    cache::PatternCounts,
    metrics::{Samples, Source, cache as metric},
};

/// The value of the label `key_type` for keys without a pattern.
const OTHER: &str = "other";
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
        let stats = cache.stats();
        let mut others = PatternCounts {
            hits: stats.hits,
            misses: stats.misses,
            stores: stats.stores,
            refused: stats.refused,
        };
        let namespace = engine.settings().cache.namespace.as_deref();
        let namespace = namespace.unwrap_or(NO_NAMESPACE);
        let mut add = |pattern: &str, counts: &PatternCounts| {
            for (metric, count) in [
                (&metric::HITS, counts.hits),
                (&metric::MISSES, counts.misses),
                (&metric::REFUSED, counts.refused),
            ] {
                samples.add(metric, &[namespace, pattern], count as f64);
            }
        };
        for (pattern, counts) in engine.pattern_counts(cache) {
            add(pattern, &counts);
            others.hits = others.hits.saturating_sub(counts.hits);
            others.misses = others.misses.saturating_sub(counts.misses);
            others.refused = others.refused.saturating_sub(counts.refused);
        }
        add(OTHER, &others);
    }
}
