//! The metrics of the Velox plugin, which dashboards and alerts use, with its buckets.
//! The cache's gauges are of the host and not of the process: only its leader sets them.

use super::{
    family::{Label, Metric, series},
    handle::{Counter, Counters, Gauge},
    histogram::{Histogram, histogram},
};

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

/// Lookups that found a binary.
pub static CACHE_HITS: Counter = Counter::new(
    "velox_cache_hits_total",
    "Lookups that found a binary in the cache.",
);
/// Lookups that found none.
pub static CACHE_MISSES: Counter = Counter::new(
    "velox_cache_misses_total",
    "Lookups that found no binary in the cache.",
);
/// `reason`: expired, lru.
pub static CACHE_EVICTIONS: Counters<{ series(REASON) }> = Counters::new(
    "velox_cache_evictions_total",
    "Binaries removed from the cache.",
    REASON,
);
/// Of the host.
pub static CACHE_ENTRIES: Gauge = Gauge::new(
    "velox_cache_entries_count",
    "Binaries in the cache of this host.",
);
/// Of the host.
pub static CACHE_SIZE: Gauge = Gauge::new(
    "velox_cache_size_bytes",
    "Bytes of all binaries in the cache of this host.",
);
/// Of the host.
pub static CACHE_ACCESS_AGE: Gauge = Gauge::new(
    "velox_cache_access_age_seconds",
    "Time since the least recently used binary of this host was used.",
);
/// `status`: success, error, timeout; `cache_status`: hit, miss. A hit is no build and not counted.
pub static BUILDS: Counters<{ series(OUTCOME) }> =
    Counters::new("velox_builds_total", "Builds that ended.", OUTCOME);
/// Requests with `force_rebuild`.
pub static FORCE_REBUILDS: Counter = Counter::new(
    "velox_force_rebuilds_total",
    "Builds that were forced although a binary may be in the cache.",
);
/// Builds that this process leads.
pub static BUILDS_ACTIVE: Gauge = Gauge::new("velox_builds_active", "Builds in flight.");
/// `os`, `arch`; seconds.
pub static BUILD_DURATION: Histogram<{ histogram(PLATFORM, BUILD_SECONDS) }> = Histogram::new(
    "velox_build_duration_seconds",
    "Time from the request to the build server to the binary.",
    PLATFORM,
    BUILD_SECONDS,
);
/// `os`, `arch`; bytes.
pub static BINARY_SIZE: Histogram<{ histogram(PLATFORM, BINARY_BYTES) }> = Histogram::new(
    "velox_binary_size_bytes",
    "Size of built binaries.",
    PLATFORM,
    BINARY_BYTES,
);
/// `type`: validation, velox_server, cache_write, timeout, stream.
pub static ERRORS: Counters<{ series(TYPE) }> =
    Counters::new("velox_errors_total", "Errors by type.", TYPE);
/// `reason`: velox_server (a 5xx that may pass), connect, timeout, in_progress (409), download.
pub static RETRIES: Counters<{ series(RETRY) }> = Counters::new(
    "velox_retries_total",
    "Retries after the first attempt.",
    RETRY,
);
/// `cache_status`: hit, miss; seconds.
pub static STREAM_TTFB: Histogram<{ histogram(STATUS, DEFAULT) }> = Histogram::new(
    "velox_stream_ttfb_seconds",
    "Time from a request for a binary to its first byte.",
    STATUS,
    DEFAULT,
);
/// `stage`: queue, cache_read, build, stream.
pub static CLIENT_DISCONNECTS: Counters<{ series(STAGE) }> = Counters::new(
    "velox_client_disconnects_total",
    "Clients that disconnected before they received their binary.",
    STAGE,
);
/// Seconds.
pub static CACHE_LOOKUP: Histogram<{ histogram(&[], LOOKUP) }> = Histogram::new(
    "velox_cache_lookup_duration_seconds",
    "Time of a lookup in the cache.",
    &[],
    LOOKUP,
);
/// Seconds.
pub static CACHE_WRITE: Histogram<{ histogram(&[], DEFAULT) }> = Histogram::new(
    "velox_cache_write_duration_seconds",
    "Time to bring a binary into the cache.",
    &[],
    DEFAULT,
);

/// All of them, in the order of the page.
pub(super) static ALL: &[&dyn Metric] = &[
    &CACHE_HITS,
    &CACHE_MISSES,
    &CACHE_EVICTIONS,
    &CACHE_ENTRIES,
    &CACHE_SIZE,
    &CACHE_ACCESS_AGE,
    &BUILDS,
    &FORCE_REBUILDS,
    &BUILDS_ACTIVE,
    &BUILD_DURATION,
    &BINARY_SIZE,
    &ERRORS,
    &RETRIES,
    &STREAM_TTFB,
    &CLIENT_DISCONNECTS,
    &CACHE_LOOKUP,
    &CACHE_WRITE,
];
