//! The tree that `Pillion\status()` returns: everything for a health page, no secrets.

use serde_json::{Value, json};

use super::{Engine, artifact_stats};
use crate::{config::Capability, host::clock};

impl Engine {
    /// Returns the status for health pages. Reads a few small files of the host; starts no thread. `heap` is the
    /// extension's own, in bytes and live allocations.
    #[must_use]
    pub fn status(&self, heap: (usize, usize)) -> Value {
        let jobs: Vec<Value> = self
            .runtime
            .jobs()
            .iter()
            .map(|job| {
                json!({
                    "id": job.id().to_string(),
                    "kind": job.kind(),
                    "state": job.state().to_string(),
                    "seconds": job.age().as_secs_f64(),
                })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "mode": self.mode,
            "runtime": {
                "started": self.runtime.is_started(),
                "threads": self.resolved.settings.runtime.threads,
                "jobs": jobs,
            },
            "heap": { "bytes": heap.0, "allocations": heap.1 },
            "host": self.host_status(),
            "workers": self.workers_status(),
            "velox": self.velox_status(),
            "remote": self.remote_status(),
            "sentry": self.sentry_status(),
            "artifacts": self.artifacts_status(),
            "problems": self.status_problems(),
        })
    }

    fn status_problems(&self) -> Vec<String> {
        let errors = self.resolved.errors.iter().map(ToString::to_string);
        errors.chain(self.cache_shortage()).collect()
    }

    fn host_status(&self) -> Value {
        let dirs = self.dirs().ok();
        let now = clock::unix_ms();
        let workers: Vec<Value> = self
            .workers()
            .iter()
            .map(|worker| {
                json!({
                    "pid": worker.pid,
                    "mode": worker.mode,
                    "version": worker.version,
                    "seconds": now.saturating_sub(worker.since_ms) as f64 / 1000.0,
                })
            })
            .collect();
        json!({
            "state_dir": dirs.map(|dirs| dirs.state.display().to_string()),
            "run_dir": dirs.map(|dirs| dirs.run.display().to_string()),
            "leader": self.membership.get().is_some_and(|membership| membership.is_leader()),
            "workers": workers,
        })
    }

    fn velox_status(&self) -> Value {
        let off = self
            .resolved
            .capability_off(Capability::Velox)
            .map(ToString::to_string);
        let server = self
            .settings()
            .velox
            .server_url
            .as_ref()
            .map(ToString::to_string);
        let builds = self.velox().map(|velox| velox.builds()).unwrap_or_default();
        json!({
            "enabled": off.is_none() && server.is_some(),
            "reason": off,
            "server_url": server,
            "builds": builds,
        })
    }

    fn sentry_status(&self) -> Value {
        let off = self
            .resolved
            .capability_off(Capability::Sentry)
            .map(ToString::to_string);
        let settings = &self.settings().sentry;
        json!({
            "enabled": off.is_none() && settings.enabled,
            "reason": off,
            "dsn": settings.dsn.as_ref().map(ToString::to_string),
            "queued": self.sentry.get().map_or(0, |sentry| sentry.queued()),
        })
    }

    fn artifacts_status(&self) -> Value {
        match self.store() {
            Ok(Some(store)) => artifact_stats::stats(&store.stats()),
            Ok(None) => json!({ "enabled": false }),
            Err(error) => json!({ "enabled": false, "reason": error.to_string() }),
        }
    }
}
