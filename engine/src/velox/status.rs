//! The active builds of the host: the tasks of this process, and the progress files of the leaders in other processes.
//! Reads a few small files; runs on any thread.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    builds::Velox,
    flight::{self, EndedFlight, Outcome, progress::Progress},
};
use crate::{
    Error,
    host::clock,
    metrics::{Samples, Source, velox as metrics},
};

impl Velox {
    /// Returns all active builds of the host, an object each: `request_ids`, `key`, `rr_version`, `os`, `arch`,
    /// `force_rebuild`, `state` (queued, building, retrying, downloading), `attempt`, `started` (Unix seconds),
    /// `elapsed` (seconds), `lines`, `pid` of the leader.
    #[must_use]
    pub fn builds(&self) -> Vec<Value> {
        let mut all = self
            .context
            .existing_flights()
            .flat_map(|flights| flights.active())
            .collect::<Vec<_>>();
        // Tasks of this process that are not published yet, or can't be.
        for (ids, snapshot) in self.inflight.list() {
            let is_listed = |build: &Value| has_any_id(build, &ids);
            if !all.iter().any(is_listed) {
                let mut build = snapshot.progress.to_json();
                set(&mut build, "request_ids", json!(ids));
                all.push(build);
            }
        }
        let now = clock::unix_ms() as f64 / 1000.0;
        for build in &mut all {
            // A leader writes its file only on a change.
            if let Some(started) = build.get("started").and_then(Value::as_f64) {
                set(build, "elapsed", json!((now - started).max(0.0)));
            }
            if let Some(build) = build.as_object_mut() {
                build.remove("flight");
            }
        }
        all
    }

    /// Returns the progress of a build that any worker of the host has requested. For a minute after its end, `state`
    /// is `done`, or `failed` with the `error`.
    #[must_use]
    pub fn status(&self, request_id: &str) -> Option<Value> {
        let ids = [request_id.to_owned()];
        let active = self
            .builds()
            .into_iter()
            .find(|build| has_any_id(build, &ids));
        if let Some(mut build) = active {
            set(&mut build, "request_id", json!(request_id));
            return Some(build);
        }
        let flights = self.context.existing_flights();
        let outcome = flights
            .flat_map(|flights| flights.completed())
            .find(|outcome| outcome.request_ids.iter().any(|id| id == request_id))?;
        Some(outcome_to_json(request_id, &outcome))
    }
}

impl Velox {
    /// Returns the builds of the host that have ended within the last minute, the newest first: `request_ids`, `key`,
    /// `state` (done, failed), `ended`, `seconds`, the configuration, and the size and SHA-256 or the error with the last
    /// lines of the log.
    #[must_use]
    pub fn recent_builds(&self) -> Vec<Value> {
        let now = SystemTime::now();
        let flights = self.context.existing_flights();
        let mut ended: Vec<EndedFlight> = flights.flat_map(|flights| flights.ended(now)).collect();
        ended.sort_by_key(|flight| std::cmp::Reverse(flight.ended));
        ended.iter().map(ended_to_json).collect()
    }
}

fn ended_to_json(flight: &EndedFlight) -> Value {
    let at = flight.ended.duration_since(SystemTime::UNIX_EPOCH);
    let mut json = match &flight.outcome.result {
        Ok(output) => json!({
            "state": "done",
            "built": output.built,
            "size": output.record.size,
            "sha256": output.record.sha256_hex(),
            "build_seconds": f64::from(output.record.build_ms) / 1000.0,
        }),
        Err(error) => json!({
            "state": "failed",
            "error": flight::error_kind(error),
            "message": error.to_string(),
            "lines": match error {
                Error::BuildFailed(build) => last_lines(&build.logs),
                _ => Vec::new(),
            },
        }),
    };
    set(&mut json, "key", json!(flight.key.to_string()));
    set(&mut json, "request_ids", json!(flight.outcome.request_ids));
    if let Some(summary) = &flight.outcome.summary {
        set(&mut json, "rr_version", json!(summary.rr_version));
        set(&mut json, "os", json!(summary.os));
        set(&mut json, "arch", json!(summary.arch));
        set(&mut json, "plugins", json!(summary.plugins));
        set(&mut json, "seconds", json!(summary.seconds));
    }
    set(
        &mut json,
        "ended",
        json!(at.unwrap_or_default().as_millis() as f64 / 1000.0),
    );
    json
}

/// The last lines of a compiler's log, bounded as those of a build in flight.
fn last_lines(log: &str) -> Vec<String> {
    let lines = log.lines().map(str::to_owned).collect();
    Progress::default().with_lines(lines).lines
}

impl Source for Velox {
    fn read(&self, samples: &mut Samples) {
        samples.add(&metrics::BUILDS_ACTIVE, &[], self.builds().len() as f64);
    }
}

fn outcome_to_json(request_id: &str, outcome: &Outcome) -> Value {
    let mut json = match &outcome.result {
        Ok(output) => json!({
            "state": "done",
            "key": output.record.key.to_string(),
            "path": output.path.to_string_lossy(),
            "size": output.record.size,
            "sha256": output.record.sha256_hex(),
        }),
        Err(error) => json!({
            "state": "failed",
            "error": flight::error_kind(error),
            "message": error.to_string(),
        }),
    };
    set(&mut json, "request_id", json!(request_id));
    set(&mut json, "request_ids", json!(outcome.request_ids));
    json
}

fn has_any_id(build: &Value, ids: &[String]) -> bool {
    let listed = build.get("request_ids").and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|id| ids.iter().any(|wanted| wanted == id))
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.into(), value);
    }
}
