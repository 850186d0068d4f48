//! What the rooms count, from their first line: typed handles in static memory, so that an increment
//! is one relaxed atomic addition on any thread, no handle is ever missing, and nothing is allocated
//! or locked that a fork could leave broken. Each label has a fixed list of values; any other value
//! counts as `other`, so no input can make the numbers grow without bound.
//!
//! Today the numbers live in the process; the layout is fixed at compile time, and only [`cell`] knows
//! where a number lies, so that a segment of the host can take them over.
//!
//! # Layout
//!
//! * [`cell`] one number; [`handle`] counters and gauges, [`histogram`] histograms made of them.
//! * [`family`] labels, and the reading that the page is made of.
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

pub use family::{Family, Kind, Label, Metric, OTHER, Reading, Sample};
pub use handle::{Counter, Counters, Gauge};
pub use histogram::Histogram;
pub use text::render;

/// All metrics, in the order of the page.
static ALL: &[&[&dyn Metric]] = &[velox::ALL, sentry::ALL, logging::ALL];

/// A reading of everything. Numbers are read one by one while others count on.
#[must_use]
pub fn snapshot() -> Vec<Family> {
    ALL.iter()
        .copied()
        .flatten()
        .map(|metric| metric.read())
        .collect()
}

/// Sets everything to zero, because a forked child has counted nothing yet. Async-signal-safe.
pub fn after_fork() {
    for metric in ALL.iter().copied().flatten() {
        metric.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page that the Velox plugin's dashboards and alerts were made for.
    const PROMISED: &[(&str, Kind)] = &[
        ("velox_cache_hits_total", Kind::Counter),
        ("velox_cache_misses_total", Kind::Counter),
        ("velox_cache_evictions_total", Kind::Counter),
        ("velox_cache_entries_count", Kind::Gauge),
        ("velox_cache_size_bytes", Kind::Gauge),
        ("velox_cache_access_age_seconds", Kind::Gauge),
        ("velox_builds_total", Kind::Counter),
        ("velox_force_rebuilds_total", Kind::Counter),
        ("velox_builds_active", Kind::Gauge),
        ("velox_build_duration_seconds", Kind::Histogram),
        ("velox_binary_size_bytes", Kind::Histogram),
        ("velox_errors_total", Kind::Counter),
        ("velox_retries_total", Kind::Counter),
        ("velox_stream_ttfb_seconds", Kind::Histogram),
        ("velox_client_disconnects_total", Kind::Counter),
        ("velox_cache_lookup_duration_seconds", Kind::Histogram),
        ("velox_cache_write_duration_seconds", Kind::Histogram),
    ];

    #[test]
    fn every_promised_name_is_on_the_page_with_its_type() {
        let page = render(&snapshot());
        for (name, kind) in PROMISED {
            assert!(
                page.contains(&format!("# TYPE {name} {}\n", kind.name())),
                "{name}"
            );
        }
    }

    #[test]
    fn no_name_stands_twice_and_each_keeps_the_rules_of_its_kind() {
        let mut names = std::collections::BTreeSet::new();
        for family in snapshot() {
            assert!(names.insert(family.name.clone()), "{}", family.name);
            assert!(!family.help.is_empty(), "{}", family.name);
            assert_eq!(
                family.kind == Kind::Counter,
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
    fn a_forked_child_starts_at_zero_and_the_parent_keeps_its_count() {
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
