//! Counters, gauges and histograms: typed handles in static memory, so that an increment is one relaxed atomic addition
//! on any thread, handles always exist, and there is no allocation or lock that a fork could leave broken. Each label
//! has a fixed list of values; any other value counts as `other`, so input can't make the number of series grow.
//!
//! The numbers are per process; the layout is fixed at compile time, and only [`cell`] knows the location of a number,
//! so that it can move into a segment of the host.
//!
//! # Layout
//!
//! * [`cell`] one number; [`handle`] counters and gauges, [`histogram`] histograms made of them.
//! * [`family`] labels, and the readings that the page is rendered from.
//! * [`velox`], [`sentry`], [`logging`] the names.
//! * [`text`] Prometheus's text format.

pub mod cell;
pub mod family;
pub mod handle;
pub mod histogram;
pub mod logging;
pub mod sentry;
pub mod text;
pub mod velox;

pub use family::{Family, Label, Metric, MetricKind, OTHER, Reading, Sample};
pub use handle::{Counter, Counters, Gauge};
pub use histogram::Histogram;
pub use text::render;

/// All metrics, in the order of the page.
static ALL: &[&[&dyn Metric]] = &[velox::ALL, sentry::ALL, logging::ALL];

/// Reads all metrics. Numbers are read one by one while other threads count on.
#[must_use]
pub fn snapshot() -> Vec<Family> {
    ALL.iter()
        .copied()
        .flatten()
        .map(|metric| metric.read())
        .collect()
}

/// Resets all metrics, because a forked child starts at zero. Async-signal-safe.
pub fn after_fork() {
    for metric in ALL.iter().copied().flatten() {
        metric.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn promised_names_are_on_the_page_with_their_type() {
        let page = render(&snapshot());
        for (name, kind) in PROMISED {
            assert!(
                page.contains(&format!("# TYPE {name} {}\n", kind.name())),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_unique_and_follow_the_rules_of_their_kind() {
        let mut names = std::collections::BTreeSet::new();
        for family in snapshot() {
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
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn forked_child_starts_at_zero_and_parent_keeps_its_count() {
        velox::CACHE_HITS.add(3);
        velox::BUILD_DURATION.observe(&["linux", "amd64"], 7.0);
        velox::ERRORS.inc(&["timeout"]);
        // SAFETY: the child touches atomics only, and ends with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            after_fork();
            let zero = velox::CACHE_HITS.get() == 0
                && velox::ERRORS.get(&["timeout"]) == 0
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
