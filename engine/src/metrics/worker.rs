//! Metrics of requests and of the workers that serve them. A worker shares the host's counters, and is counted on the
//! page, once it uses a part of Pillion that has files: a build, an artifact, an envelope, or the page itself.

use super::{declare::metrics, family::Label};

const HOOKS: &[Label] = &[Label {
    name: "result",
    values: &["ok", "failed", "skipped"],
}];
const WORKERS: &[Label] = &[
    Label {
        name: "mode",
        values: &[
            "frankenphp-worker",
            "frankenphp",
            "roadrunner",
            "fpm",
            "cli",
            "cli-server",
        ],
    },
    Label {
        name: "state",
        values: &["busy", "idle"],
    },
];
const WORKER: &[Label] = &[
    Label {
        name: "pid",
        values: &[],
    },
    Label {
        name: "thread",
        values: &[],
    },
];

/// From an answer out of a cache to a report of minutes.
const REQUEST: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

metrics! {
    host histogram REQUEST_DURATION("pillion_worker_request_duration_seconds", buckets = REQUEST):
        "Time from the start to the end of a request, reset hooks excluded.";
    host counter RESET_HOOKS("pillion_worker_reset_hooks_total", labels = HOOKS):
        "Reset hooks that ran, threw, or could not run after their request.";
    derived gauge WORKERS_NOW("pillion_workers", labels = WORKERS): "Registered workers by mode and state.";
    derived gauge WORKER_MEMORY("pillion_worker_memory_bytes", labels = WORKER):
        "Memory that PHP holds from the system, at the end of the worker's last request.";
    derived gauge WORKER_PEAK_MEMORY("pillion_worker_peak_memory_bytes", labels = WORKER):
        "The peak of this memory.";
    derived gauge WORKER_LEAKS("pillion_worker_leaks", labels = WORKER): "Leaks at the last leak check.";
    process counter REQUESTS_BEGUN("pillion_process_requests_begun_total"): "Requests that have begun.";
    process counter REQUESTS_ENDED("pillion_process_requests_ended_total"): "Requests that have ended.";
    process counter PROCESS_HOOKS("pillion_process_reset_hooks_total", labels = HOOKS):
        "Reset hooks that ran, threw, or could not run after their request.";
    process percentiles DURATIONS("pillion_process_request_duration_seconds"): "Durations of requests.";
}
