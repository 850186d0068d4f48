//! The active builds of the host: the tasks of this process, and the progress files of the leaders in other processes.
//! Reads a few small files; runs on any thread.

use serde_json::{Value, json};

use super::{
    builds::Velox,
    flight::{self, Outcome},
};
use crate::{
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
