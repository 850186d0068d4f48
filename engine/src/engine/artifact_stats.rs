//! Statistics of the artifact store and reports of its cleanup, as JSON for PHP and status pages.

use serde_json::{Value, json};

use crate::{
    Result,
    artifacts::{CleanReport, Stats, Store},
    host::clock,
};

/// Bound on the passes of one cleanup, more than any cache needs; it is cut into short passes.
const MAX_PASSES: usize = 10_000;

/// Returns the statistics of a store, with the names of the stubs.
#[must_use]
pub fn stats(stats: &Stats) -> Value {
    json!({
        "enabled": true,
        "dir": stats.dir.display().to_string(),
        "writable": stats.writable,
        "entries": stats.entries,
        "capacity": stats.capacity,
        "bytes": stats.bytes,
        "max_bytes": stats.max_bytes,
        "hits": stats.hits,
        "misses": stats.misses,
        "evicted_expired": stats.evicted_expired,
        "evicted_lru": stats.evicted_lru,
        "index": {
            "path": stats.index_path.as_ref().map(|path| path.display().to_string()),
            "bytes": stats.index_bytes,
            "filled": stats.index_filled,
        },
    })
}

/// Cleans up pass by pass, to the end or until `cancelled` returns `true`.
///
/// # Errors
/// As [`Store::clean`].
pub fn clean(store: &Store, cancelled: impl Fn() -> bool) -> Result<Value> {
    let mut sum = CleanReport::default();
    for _ in 0..MAX_PASSES {
        let pass = store.clean(clock::unix_ms())?;
        sum.expired_removed += pass.expired_removed;
        sum.lru_removed += pass.lru_removed;
        sum.temporaries_removed += pass.temporaries_removed;
        sum.orphans_removed += pass.orphans_removed;
        sum.bytes_freed += pass.bytes_freed;
        sum.entries_remaining = pass.entries_remaining;
        sum.complete = pass.complete;
        sum.duration += pass.duration;
        if pass.complete || pass.lock_timed_out || cancelled() {
            break;
        }
    }
    Ok(json!({
        "expired_removed": sum.expired_removed,
        "lru_removed": sum.lru_removed,
        "temporaries_removed": sum.temporaries_removed,
        "strays_removed": sum.orphans_removed,
        "bytes_freed": sum.bytes_freed,
        "entries_remaining": sum.entries_remaining,
        "complete": sum.complete,
        "seconds": sum.duration.as_secs_f64(),
    }))
}
