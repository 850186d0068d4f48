//! Metrics of the shared cache: hits and misses by the pattern of a key, and the second tier.

use super::{declare::metrics, family::Label};

const KEYS: &[Label] = &[
    Label {
        name: "service",
        values: &[],
    },
    Label {
        name: "key_type",
        values: &[],
    },
];

const SERVICE: &[Label] = &[Label {
    name: "service",
    values: &[],
}];

const SECONDS: &[f64] = &[
    5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];

metrics! {
    derived counter HITS("service_cache_hits_total", labels = KEYS):
        "Lookups that found a value in the memory of the host, by namespace and by the pattern of the key; `other`: keys \
        without a pattern, `apcu`: APCu's functions.";
    derived counter MISSES("service_cache_misses_total", labels = KEYS):
        "Lookups that found none there, by namespace and by the pattern of the key.";
    derived counter REFUSED("service_cache_set_failures_total", labels = KEYS):
        "Values that were not stored, because they were too large or all memory was in use.";
    derived gauge HIT_RATIO("cache_hit_ratio", labels = SERVICE):
        "Part of the lookups since the memory was created that found a value in it, 0 to 1.";
    derived counter ALL_MISSES("cache_misses_total", labels = SERVICE):
        "Lookups that found no value in the memory of the host.";
    derived counter EVICTIONS("cache_evictions_total", labels = SERVICE):
        "Values that were evicted before they expired, to make room.";
    derived gauge MEMORY_USED("cache_memory_used_bytes", labels = SERVICE):
        "Memory of values, expired ones included.";
    derived gauge MEMORY_LIMIT("cache_memory_limit_bytes", labels = SERVICE): "Memory that values can use.";
    derived gauge FILLED_SINCE("cache_filled_since_timestamp_seconds", labels = SERVICE):
        "When the memory was created or cleared last: hits are few for a while after that.";
    derived gauge CONNECTIVITY("cache_connectivity"):
        "Whether the process that renders the page is connected to the second tier.";
    host counter CONNECTION_FAILURES("cache_connection_failures_total"):
        "Connections to the second tier that could not be established.";
    host histogram LATENCY("cache_latency_seconds", buckets = SECONDS):
        "Time until the second tier answered.";
    derived gauge LATENCY_P50("cache_latency_p50_seconds"):
        "Median of `cache_latency_seconds`, of all time; `histogram_quantile` computes that of a period.";
    derived gauge LATENCY_P95("cache_latency_p95_seconds"): "Its 95th percentile.";
    derived gauge LATENCY_P99("cache_latency_p99_seconds"): "Its 99th percentile.";
    host counter SECOND_TIER_HITS("cache_second_tier_hits_total"):
        "Keys that were found in the second tier, after they were not in the first one.";
    host counter SECOND_TIER_MISSES("cache_second_tier_misses_total"): "Keys that were in neither tier.";
    host counter GET_FAILURES("cache_get_failures_total"): "Reads that the second tier did not answer.";
    host counter SET_FAILURES("cache_set_failures_total"): "Values that the second tier did not store.";
    host counter CHANGES("cache_reported_changes_total"):
        "Keys that the second tier has reported as changed by another process or host.";
    host counter LOST_WRITES("cache_lost_writes_total"):
        "Values, removals and invalidated tags that did not reach the second tier.";
}
