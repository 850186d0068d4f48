//! Counts and durations of the requests of one process, all its threads together, and the same for the metrics of the
//! host. Atomics only, a few additions per request: no thread waits for another.

use std::time::Duration;

use crate::metrics::worker as metrics;

/// A copy of the statistics of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that have begun.
    pub begun: u64,
    /// Requests that have ended.
    pub ended: u64,
    /// Reset hooks that have run.
    pub hooks_run: u64,
    /// Reset hooks that have thrown.
    pub hooks_failed: u64,
    /// Reset hooks that could not run after their request.
    pub hooks_skipped: u64,
    /// The duration of the last request.
    pub last: Duration,
    /// The median duration.
    pub p50: Duration,
    /// The 99th percentile of the durations.
    pub p99: Duration,
}

/// Counts a request that begins.
#[inline]
pub fn begin() {
    metrics::REQUESTS_BEGUN.inc();
}

/// Counts a request that ends after `took`.
pub fn end(took: Duration) {
    metrics::DURATIONS.observe(took);
    metrics::REQUESTS_ENDED.inc();
    metrics::REQUEST_DURATION.observe(&[], took.as_secs_f64());
}

/// Counts a reset hook that has run; `failed`: it has thrown.
pub fn hook(failed: bool) {
    count_hooks(if failed { "failed" } else { "ok" }, 1);
}

/// Counts reset hooks that could not run after a request.
pub fn skip(hooks: usize) {
    count_hooks("skipped", hooks as u64);
}

fn count_hooks(result: &str, count: u64) {
    metrics::PROCESS_HOOKS.add_for(&[result], count);
    metrics::RESET_HOOKS.add_for(&[result], count);
}

/// Copies the statistics of this process.
#[must_use]
pub fn counts() -> RequestCounts {
    let ended = metrics::REQUESTS_ENDED.get();
    let hooks = |result| metrics::PROCESS_HOOKS.get_for(&[result]);
    RequestCounts {
        begun: metrics::REQUESTS_BEGUN.get().max(ended),
        ended,
        hooks_run: hooks("ok") + hooks("failed"),
        hooks_failed: hooks("failed"),
        hooks_skipped: hooks("skipped"),
        last: metrics::DURATIONS.last(),
        p50: metrics::DURATIONS.get(50),
        p99: metrics::DURATIONS.get(99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_hooks_are_counted_for_process_and_host() {
        let host = || {
            let hooks = ["ok", "failed", "skipped"].map(|on| metrics::RESET_HOOKS.get_for(&[on]));
            (metrics::REQUEST_DURATION.count(&[]), hooks)
        };
        assert_eq!((counts().ended, host()), (0, (0, [0; 3])));
        begin();
        begin();
        end(Duration::from_millis(20));
        hook(false);
        hook(true);
        skip(3);
        let counts = counts();
        assert_eq!((counts.begun, counts.ended), (2, 1));
        let hooks = (counts.hooks_run, counts.hooks_failed, counts.hooks_skipped);
        assert_eq!(hooks, (2, 1, 3));
        assert_eq!(counts.last, Duration::from_millis(20));
        assert!(counts.p50 >= counts.last && counts.p50 == counts.p99);
        assert_eq!(host(), (1, [1, 1, 3]));
    }
}
