//! Counters, gauges and histograms. Each is declared once, as a static: an increment is one relaxed atomic addition on
//! any thread, and there is no allocation or lock that a fork could leave broken. Each label has a fixed list of
//! values; any other value counts as `other`, so input can't make the number of series grow.
//!
//! Counters of the scope `host` are in a segment that all processes of the host add to, so they outlive processes, also
//! killed ones. Counts that another shared file has anyway, and gauges, are read when the page is rendered.
//!
//! # Layout
//!
//! * [`declare`] the macro; [`info`], [`velox`], [`delivery`], [`remote`], [`sentry`], [`cache`], [`worker`],
//!   [`application_memory`], [`logging`] the declarations.
//! * [`counter`], [`histogram`], [`percentiles`] over [`cells`], each a [`cell`]; [`derived`] without cells.
//! * [`segment`] moves the cells into the host's segment.
//! * [`application`] metrics that PHP code names.
//! * [`family`] labels, and the readings that the page is rendered from; [`text`] Prometheus's text format; [`docs`]
//!   the reference page.

pub mod application;
pub mod application_memory;
pub mod cache;
pub mod cell;
mod cells;
pub mod counter;
mod declare;
pub mod delivery;
pub mod derived;
pub mod docs;
pub mod family;
pub mod gateway;
pub mod histogram;
pub mod info;
pub mod logging;
#[cfg(test)]
mod monitoring;
pub mod percentiles;
pub mod remote;
pub mod segment;
pub mod sentry;
pub mod text;
pub mod velox;
pub mod worker;

pub use counter::Counter;
pub use derived::{Derived, Samples, Source};
pub use family::{Family, Label, MetricKind, OTHER, Reading, Sample, Scope};
pub use histogram::Histogram;
pub use percentiles::Percentiles;
pub use segment::{after_fork, is_lost, share};
pub use text::{Format, render};

use family::Metric;

/// Metrics that are declared in one file.
struct Group {
    title: &'static str,
    metrics: &'static [&'static dyn Metric],
}

/// All metrics, in the order of the page.
static GROUPS: &[Group] = &[
    Group {
        title: "Versions",
        metrics: info::ALL,
    },
    Group {
        title: "Velox",
        metrics: velox::ALL,
    },
    Group {
        title: "Delivery",
        metrics: delivery::ALL,
    },
    Group {
        title: "Remote artifacts",
        metrics: remote::ALL,
    },
    Group {
        title: "Sentry",
        metrics: sentry::ALL,
    },
    Group {
        title: "Shared cache",
        metrics: cache::ALL,
    },
    Group {
        title: "Workers",
        metrics: worker::ALL,
    },
    Group {
        title: "Metrics of the application",
        metrics: application_memory::ALL,
    },
    Group {
        title: "Log",
        metrics: logging::ALL,
    },
];

/// The metrics of the host, which are on the page.
fn all() -> impl Iterator<Item = &'static dyn Metric> {
    let all = GROUPS.iter().flat_map(|group| group.metrics).copied();
    all.filter(|metric| metric.description().scope == Scope::Host)
}

/// Reads all metrics of the host, those that are derived from `sources`. Numbers are read one by one while other
/// threads and processes count on.
#[must_use]
pub fn snapshot(sources: &[&dyn Source]) -> Vec<Family> {
    let read = Samples::of(sources);
    all()
        .map(|metric| metric.description().family(metric.samples(&read)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn metrics_page_matches_the_declarations() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
        if std::env::var_os("PILLION_WRITE_DOCS").is_some() {
            std::fs::write(&path, docs::render()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(
            committed == docs::render(),
            "run: PILLION_WRITE_DOCS=1 cargo test -p pillion-engine metrics_page"
        );
    }

    /// The metrics that the Velox plugin's dashboards and alerts use.
    const PROMISED: &[(&str, MetricKind)] = &[
        ("velox_cache_hits_total", MetricKind::Counter),
        ("velox_cache_misses_total", MetricKind::Counter),
        ("velox_cache_evictions_total", MetricKind::Counter),
        ("velox_cache_entries_count", MetricKind::Gauge),
        ("velox_cache_size_bytes", MetricKind::Gauge),
        ("velox_cache_access_age_seconds", MetricKind::Gauge),
        ("velox_builds_total", MetricKind::Counter),
        ("velox_force_rebuilds_total", MetricKind::Counter),
        ("velox_builds_active", MetricKind::Gauge),
        ("velox_build_duration_seconds", MetricKind::Histogram),
        ("velox_binary_size_bytes", MetricKind::Histogram),
        ("velox_errors_total", MetricKind::Counter),
        ("velox_retries_total", MetricKind::Counter),
        ("velox_stream_ttfb_seconds", MetricKind::Histogram),
        ("velox_client_disconnects_total", MetricKind::Counter),
        ("velox_cache_lookup_duration_seconds", MetricKind::Histogram),
        ("velox_cache_write_duration_seconds", MetricKind::Histogram),
    ];

    /// The metrics of the shared cache that its guide names.
    const PROMISED_OF_THE_CACHE: &[(&str, MetricKind)] = &[
        ("cache_connectivity", MetricKind::Gauge),
        ("cache_latency_seconds", MetricKind::Histogram),
        ("cache_latency_p50_seconds", MetricKind::Gauge),
        ("cache_latency_p95_seconds", MetricKind::Gauge),
        ("cache_latency_p99_seconds", MetricKind::Gauge),
        ("cache_memory_used_bytes", MetricKind::Gauge),
        ("cache_memory_limit_bytes", MetricKind::Gauge),
        ("cache_evictions_total", MetricKind::Counter),
        ("cache_hit_ratio", MetricKind::Gauge),
        ("cache_misses_total", MetricKind::Counter),
        ("cache_set_failures_total", MetricKind::Counter),
        ("cache_get_failures_total", MetricKind::Counter),
        ("service_cache_hits_total", MetricKind::Counter),
        ("service_cache_misses_total", MetricKind::Counter),
    ];

    #[test]
    fn promised_names_are_on_the_page_with_their_type() {
        let page = render(&snapshot(&[]), Format::Prometheus);
        for (name, kind) in PROMISED.iter().chain(PROMISED_OF_THE_CACHE) {
            assert!(
                page.contains(&format!("# TYPE {name} {}\n", kind.name())),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_unique_and_follow_the_rules_of_their_kind() {
        let mut names = std::collections::BTreeSet::new();
        for family in snapshot(&[]) {
            assert!(names.insert(family.name.clone()), "{}", family.name);
            assert!(!family.help.is_empty(), "{}", family.name);
            assert_eq!(
                family.kind == MetricKind::Counter,
                family.name.ends_with("_total"),
                "{}",
                family.name
            );
            assert!(
                family
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn forked_child_starts_at_zero_and_parent_keeps_its_count() {
        velox::CACHE_HITS.add(3);
        velox::BUILD_DURATION.observe(&["linux", "amd64"], 7.0);
        velox::ERRORS.inc_for(&["timeout"]);
        // SAFETY: the child touches atomics only, and ends with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            after_fork();
            let zero = velox::CACHE_HITS.get() == 0
                && velox::ERRORS.get_for(&["timeout"]) == 0
                && velox::BUILD_DURATION.count(&["linux", "amd64"]) == 0;
            // SAFETY: ends the child without running the test harness's own exit.
            unsafe { libc::_exit(i32::from(!zero)) };
        }
        let mut status = 0;
        // SAFETY: `child` is our child, `status` is ours.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        assert!(velox::CACHE_HITS.get() >= 3);
    }
}
