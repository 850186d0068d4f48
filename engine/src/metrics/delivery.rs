//! The metrics of binaries that PHP hands to clients.

use super::{declare::metrics, family::Label};

const METHOD: &[Label] = &[Label {
    name: "method",
    values: &["accel", "sendfile", "ticket", "stream", "building", "error"],
}];
const SECONDS: &[f64] = &[0.01, 0.1, 1.0, 10.0, 60.0, 300.0];

metrics! {
    host counter RESPONSES("pillion_delivery_responses_total", labels = METHOD):
        "Responses of PHP to requests for a binary. Only `stream` holds a worker; `building` is a status 202.";
    host histogram HELD("pillion_delivery_held_seconds", buckets = SECONDS):
        "Time in which a worker sent a binary itself.";
}
