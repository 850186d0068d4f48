//! The metrics of the Velox plugin, which dashboards and alerts use, with its buckets. Those of entries and evictions
//! are words of the artifact index.

use super::{declare::metrics, family::Label};

const MIB: f64 = 1024.0 * 1024.0;

const CACHE_STATUS: Label = Label {
    name: "cache_status",
    values: &["hit", "miss"],
};
const REASON: &[Label] = &[Label {
    name: "reason",
    values: &["expired", "lru"],
}];
const OUTCOME: &[Label] = &[
    Label {
        name: "status",
        values: &["success", "error", "timeout"],
    },
    CACHE_STATUS,
];
const PLATFORM: &[Label] = &[
    Label {
        name: "os",
        values: &["linux", "darwin", "windows", "freebsd"],
    },
    Label {
        name: "arch",
        values: &[
            "amd64", "arm64", "386", "arm", "ppc64le", "riscv64", "s390x",
        ],
    },
];
const TYPE: &[Label] = &[Label {
    name: "type",
    values: &[
        "validation",
        "velox_server",
        "cache_write",
        "timeout",
        "stream",
    ],
}];
const RETRY: &[Label] = &[Label {
    name: "reason",
    values: &[
        "velox_server",
        "connect",
        "timeout",
        "in_progress",
        "download",
    ],
}];
const STATUS: &[Label] = &[CACHE_STATUS];
const STAGE: &[Label] = &[Label {
    name: "stage",
    values: &["queue", "cache_read", "build", "stream"],
}];

const BUILD_SECONDS: &[f64] = &[5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
const BINARY_BYTES: &[f64] = &[
    10.0 * MIB,
    50.0 * MIB,
    100.0 * MIB,
    200.0 * MIB,
    500.0 * MIB,
];
/// The default buckets of Prometheus's Go client, which the plugin used.
const DEFAULT: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The same, and finer ones below: a lookup takes well under a microsecond.
const LOOKUP: &[f64] = &[
    1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

metrics! {
    host counter CACHE_HITS("velox_cache_hits_total"): "Lookups that found a binary in the cache.";
    host counter CACHE_MISSES("velox_cache_misses_total"): "Lookups that found no binary in the cache.";
    derived counter CACHE_EVICTIONS("velox_cache_evictions_total", labels = REASON):
        "Binaries removed from the cache.";
    derived gauge CACHE_ENTRIES("velox_cache_entries_count"): "Binaries in the cache of this host.";
    derived gauge CACHE_SIZE("velox_cache_size_bytes"): "Bytes of all binaries in the cache of this host.";
    derived gauge CACHE_ACCESS_AGE("velox_cache_access_age_seconds"):
        "Time since the least recently used binary of this host was used.";
    host counter BUILDS("velox_builds_total", labels = OUTCOME):
        "Builds that ended. A hit is no build and not counted.";
    host counter FORCE_REBUILDS("velox_force_rebuilds_total"):
        "Builds that were forced although a binary may be in the cache.";
    derived gauge BUILDS_ACTIVE("velox_builds_active"): "Builds in flight.";
    host histogram BUILD_DURATION("velox_build_duration_seconds", labels = PLATFORM, buckets = BUILD_SECONDS):
        "Time from the request to the build server to the binary.";
    host histogram BINARY_SIZE("velox_binary_size_bytes", labels = PLATFORM, buckets = BINARY_BYTES):
        "Size of built binaries.";
    host counter ERRORS("velox_errors_total", labels = TYPE): "Errors by type.";
    host counter RETRIES("velox_retries_total", labels = RETRY):
        "Retries after the first attempt, by the reason: `velox_server` is a 5xx, `in_progress` a 409.";
    host histogram STREAM_TTFB("velox_stream_ttfb_seconds", labels = STATUS, buckets = DEFAULT):
        "Time from a request for a binary to its first byte.";
    host counter CLIENT_DISCONNECTS("velox_client_disconnects_total", labels = STAGE):
        "Clients that disconnected before they received their binary.";
    host histogram CACHE_LOOKUP("velox_cache_lookup_duration_seconds", buckets = LOOKUP):
        "Time of a lookup in the cache.";
    host histogram CACHE_WRITE("velox_cache_write_duration_seconds", buckets = DEFAULT):
        "Time to bring a binary into the cache.";
}
