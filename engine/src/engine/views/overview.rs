//! The numbers of the whole host on one page.

use std::time::Instant;

use serde_json::{Value, json};

use super::{seconds, workers::Totals};
use crate::{
    config::Capability,
    engine::Engine,
    host::clock,
    metrics::{self, delivery, velox, worker},
};

const CACHE_STATUSES: [&str; 2] = ["hit", "miss"];
const METHODS: [&str; 6] = ["accel", "sendfile", "ticket", "stream", "building", "error"];

impl Engine {
    /// The overview. Requests per second are those since the call before, and null in the first one.
    #[must_use]
    pub fn overview(&self) -> Value {
        self.share_metrics();
        let dirs = self.dirs().ok();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "hostname": hostname(),
            "pid": std::process::id(),
            "mode": self.mode,
            "uptime": self.request_rate.uptime().as_secs_f64(),
            "time": seconds(clock::unix_ms()),
            "leader": self.leader_view(),
            "config": self.config_file(),
            "run_dir": dirs.map(|dirs| dirs.run.display().to_string()),
            "state_dir": dirs.map(|dirs| dirs.state.display().to_string()),
            "problems": self.problems(),
            "workers": self.workers_totals(),
            "builds": self.builds_totals(),
            "artifacts": self.artifacts_totals(),
            "cache": self.cache_totals(),
            "sentry": self.sentry_totals(),
            "delivery": delivery_totals(),
        })
    }

    /// The identity of this process: `version`, `hostname`, `pid`, `started`.
    #[must_use]
    pub fn identity(&self) -> Value {
        let uptime = self.request_rate.uptime().as_secs_f64();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "hostname": hostname(),
            "pid": std::process::id(),
            "started": seconds(clock::unix_ms()) - uptime,
        })
    }

    /// The file of the settings; `None` without one.
    fn config_file(&self) -> Option<&str> {
        let values = &self.resolved().values;
        let file = values.iter().find(|value| value.name == "config")?;
        Some(file.value.as_str()).filter(|file| !file.is_empty())
    }

    /// Counts in the files of the host, which may have been removed or replaced since the directories were resolved.
    fn share_metrics(&self) {
        let Ok(dirs) = self.dirs() else {
            return;
        };
        if dirs.run.is_dir()
            && let Err(error) = metrics::share(&dirs.run)
        {
            log::debug!(error:%; "metrics not shared with other processes");
        }
    }

    /// Invalid settings, and parts that can't be used.
    fn problems(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .resolved()
            .errors
            .iter()
            .map(ToString::to_string)
            .collect();
        match self.dirs() {
            Ok(dirs) => found.extend(dirs.warnings.iter().cloned()),
            Err(error) => found.push(error.to_string()),
        }
        found.extend(self.cache_failure());
        // A view opens the cache if it exists.
        found.extend(self.existing_cache().and_then(|_| self.cache_shortage()));
        if let (Ok(_), Err(error)) = (self.dirs(), self.store()) {
            found.push(error.to_string());
        }
        found.dedup();
        found
    }

    fn workers_totals(&self) -> Value {
        let totals = Totals::of(&self.registered_workers());
        // The counter survives its workers, the slots do not.
        let requests = worker::REQUEST_DURATION.count(&[]);
        json!({
            "total": totals.total,
            "busy": totals.busy,
            "memory": totals.memory,
            "peak_memory": totals.peak_memory,
            "requests": requests,
            "requests_per_second": self.request_rate.read(Instant::now(), requests),
            "leaks": totals.leaks,
        })
    }

    fn builds_totals(&self) -> Value {
        let ended = |status| -> u64 {
            CACHE_STATUSES
                .iter()
                .map(|cache| velox::BUILDS.get_for(&[status, cache]))
                .sum()
        };
        let active = self.velox().map_or(0, |velox| velox.builds().len());
        json!({
            "active": active,
            "success": ended("success"),
            "failed": ended("error") + ended("timeout"),
            "hits": velox::CACHE_HITS.get(),
            "misses": velox::CACHE_MISSES.get(),
        })
    }

    fn artifacts_totals(&self) -> Value {
        match self.store() {
            Ok(Some(store)) => {
                let stats = store.stats();
                json!({
                    "enabled": true,
                    "dir": stats.dir.display().to_string(),
                    "entries": stats.entries,
                    "max_entries": stats.capacity,
                    "bytes": stats.bytes,
                    "max_bytes": stats.max_bytes,
                    "writable": stats.writable,
                })
            }
            Ok(None) | Err(_) => json!({
                "enabled": false,
                "entries": 0,
                "max_entries": 0,
                "bytes": 0,
                "max_bytes": 0,
            }),
        }
    }

    fn sentry_totals(&self) -> Value {
        let off = self.resolved().capability_off(Capability::Sentry).is_some();
        let view = self.sentry_view();
        let limits = view.get("rate_limits").and_then(Value::as_array);
        let count = |pointer: &str| view.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        json!({
            "enabled": !off && self.settings().sentry.enabled,
            "queued": count("/queue/queued"),
            "sent": count("/counts/sent"),
            "failed": count("/counts/failed"),
            "dead_letters": count("/dead_letters/count"),
            "rate_limits": limits.map_or(0, Vec::len),
        })
    }
}

fn delivery_totals() -> Value {
    let total: u64 = METHODS
        .iter()
        .map(|method| delivery::RESPONSES.get_for(&[method]))
        .sum();
    json!({
        "total": total,
        "held": delivery::HELD.count(&[]),
    })
}

fn hostname() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
