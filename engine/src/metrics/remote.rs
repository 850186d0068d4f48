//! The metrics of binaries that this host gets from other hosts, and sends to them.

use super::{declare::metrics, family::Label};

const PULL: &[Label] = &[Label {
    name: "result",
    values: &["hit", "miss", "refused", "error", "paused"],
}];
const PUSH: &[Label] = &[Label {
    name: "result",
    values: &["stored", "exists", "error", "paused", "dropped"],
}];
const DIRECTION: &[Label] = &[Label {
    name: "direction",
    values: &["in", "out"],
}];
const SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];

metrics! {
    host counter PULLS("pillion_remote_pulls_total", labels = PULL):
        "Binaries that were asked of the gateway. `refused`: its binary is damaged or of another configuration; \
         `paused`: not asked, because the gateway has failed a moment ago.";
    host counter PUSHES("pillion_remote_pushes_total", labels = PUSH):
        "Binaries for the gateway. `exists`: another host was first; `dropped`: too many were waiting.";
    host counter BYTES("pillion_remote_bytes_total", labels = DIRECTION):
        "Bytes of binaries that came from the gateway, and went to it.";
    host histogram PULL_SECONDS("pillion_remote_pull_seconds", buckets = SECONDS):
        "Time from a question to the gateway to its binary, or to its answer that it has none.";
}
