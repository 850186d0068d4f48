//! Metrics of the shared cache: hits and misses by the pattern of a key.

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

metrics! {
    derived counter HITS("service_cache_hits_total", labels = KEYS):
        "Lookups that found a value, by namespace and by the pattern of the key; `other`: keys without a pattern.";
    derived counter MISSES("service_cache_misses_total", labels = KEYS):
        "Lookups that found no value, by namespace and by the pattern of the key.";
    derived counter REFUSED("service_cache_set_failures_total", labels = KEYS):
        "Values that were not stored, because they were too large or all memory was in use.";
}
