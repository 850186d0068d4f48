//! The metrics of binaries that PHP hands to clients.

use super::{declare::metrics, family::Label};

const METHOD: &[Label] = &[Label {
    name: "method",
    values: &["accel", "sendfile", "ticket", "stream", "building", "error"],
}];
const REFUSAL: &[Label] = &[Label {
    name: "reason",
    values: &["malformed", "wrong_signature", "expired", "not_yet_valid"],
}];
const SECONDS: &[f64] = &[0.01, 0.1, 1.0, 10.0, 60.0, 300.0];

metrics! {
    host counter RESPONSES("pillion_delivery_responses_total", labels = METHOD):
        "Responses to requests for a binary, of PHP by their method. Only `stream` holds a worker; `building` is a status 202; `error` counts those of `pillion serve` too.";
    host counter REFUSED_TICKETS("pillion_delivery_refused_tickets_total", labels = REFUSAL):
        "Requests to `pillion serve` with a ticket that is not valid; level `debug` of the log has each of them.";
    host histogram HELD("pillion_delivery_held_seconds", buckets = SECONDS):
        "Time in which a worker sent a binary itself.";
}
