//! What is in the air on this host, whoever started it: our own pilots' word, and the files that the
//! leaders of other processes write. Reads a few small files; any thread.

use serde_json::{Value, json};

use super::{
    builds::Velox,
    flight::{self, Outcome},
};
use crate::host::clock;

impl Velox {
    /// Every build in flight on this host, one object each: `request_ids`, `key`, `rr_version`, `os`,
    /// `arch`, `force_rebuild`, `state` (queued, building, retrying, downloading), `attempt`, `started`
    /// (Unix seconds), `elapsed` (seconds), `lines`, `pid` of who builds.
    #[must_use]
    pub fn builds(&self) -> Vec<Value> {
        let mut all = self
            .inner()
            .standing_flights()
            .flat_map(|flights| flights.flying())
            .collect::<Vec<_>>();
        // What our pilots have not told the host yet, or can't.
        for (ids, view) in self.inner().locals.all() {
            let known = |flying: &Value| has_any(flying, &ids);
            if !all.iter().any(known) {
                let mut flying = view.progress.to_json();
                set(&mut flying, "request_ids", json!(ids));
                all.push(flying);
            }
        }
        let now = clock::unix_ms() as f64 / 1000.0;
        for flying in &mut all {
            // A leader writes its file when something changes, and time goes on meanwhile.
            if let Some(started) = flying.get("started").and_then(Value::as_f64) {
                set(flying, "elapsed", json!((now - started).max(0.0)));
            }
            if let Some(flying) = flying.as_object_mut() {
                flying.remove("flight");
            }
        }
        all
    }

    /// How far the build of a request is that any worker of this host has started. A build that has ended
    /// is known for a minute more: `state` is then `done` or `failed`, with the `error`.
    #[must_use]
    pub fn status(&self, request_id: &str) -> Option<Value> {
        let ids = [request_id.to_owned()];
        let flying = self
            .builds()
            .into_iter()
            .find(|flying| has_any(flying, &ids));
        if let Some(mut flying) = flying {
            set(&mut flying, "request_id", json!(request_id));
            return Some(flying);
        }
        let standing = self.inner().standing_flights();
        let ended = standing.flat_map(|flights| flights.ended());
        let outcome = ended
            .into_iter()
            .find(|outcome| outcome.request_ids.iter().any(|id| id == request_id))?;
        Some(ended_json(request_id, &outcome))
    }
}

fn ended_json(request_id: &str, outcome: &Outcome) -> Value {
    let mut ended = match &outcome.result {
        Ok(landed) => json!({
            "state": "done",
            "key": landed.record.key.to_string(),
            "path": landed.path.to_string_lossy(),
            "size": landed.record.size,
            "sha256": landed.record.sha256_hex(),
        }),
        Err(error) => json!({
            "state": "failed",
            "error": flight::kind(error),
            "message": error.to_string(),
        }),
    };
    set(&mut ended, "request_id", json!(request_id));
    set(&mut ended, "request_ids", json!(outcome.request_ids));
    ended
}

fn has_any(flying: &Value, ids: &[String]) -> bool {
    let asked = flying.get("request_ids").and_then(Value::as_array);
    asked
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|id| ids.iter().any(|known| known == id))
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.into(), value);
    }
}
