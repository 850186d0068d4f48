//! `Worker\status()`. On PHP's threads.

use pillion_engine::worker::{request_stats, residue::ResidueKind};
use serde_json::json;

use crate::{
    residue::RESIDUE_STATS,
    worker::{gc, hooks, memory_trend, mode, process_stats, request_id, state},
    zend::{
        arguments::{Call, Thrown},
        memory, sapi,
        value_writer::ZvalOut,
    },
};

/// Returns requests, memory and collections as an array.
pub fn status(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let counts = request_stats::counts();
    let collections = gc::stats();
    let trend = memory_trend::growth()
        .map(|(bytes, requests)| json!({ "bytes": bytes, "requests": requests }));
    let request = match state::request_start() {
        Some(start) => json!({
            "id": request_id::get()?,
            "seconds": start.at.elapsed().as_secs_f64(),
            "memory_baseline": start.memory,
        }),
        None => serde_json::Value::Null,
    };
    ret.json(&json!({
        "status": "ok",
        "mode": mode::current().name(),
        "worker_mode": mode::is_worker(),
        "pid": std::process::id(),
        "thread": sapi::thread_id(),
        "uptime": process_stats::uptime().as_secs_f64(),
        "restarts": process_stats::restarts(),
        "requests": counts.ended,
        "requests_begun": counts.begun,
        "thread_requests": state::requests_ended(),
        "request": request,
        "durations": {
            "last": counts.last.as_secs_f64(),
            "p50": counts.p50.as_secs_f64(),
            "p99": counts.p99.as_secs_f64(),
        },
        "hooks": {
            "registered": hooks::len(),
            "run": counts.hooks_run,
            "failed": counts.hooks_failed,
            "skipped": counts.hooks_skipped,
        },
        "left_behind": left_behind(),
        "memory": memory::usage(),
        "peak_memory": memory::peak(),
        "memory_baseline": state::memory_baseline(),
        "trend": trend,
        "gc": {
            "policy": gc::policy().to_setting("every"),
            "runs": collections.runs,
            "freed": collections.freed,
            "last": collections.last.map(|last| last.elapsed().as_secs_f64()),
        },
    }));
    Ok(())
}

/// Counts of residue by kind, and of restored residue.
fn left_behind() -> serde_json::Value {
    let counts =
        ResidueKind::ALL.map(|kind| (kind.name().to_owned(), RESIDUE_STATS.found(kind).into()));
    let put_back = ("put_back".to_owned(), RESIDUE_STATS.restored().into());
    serde_json::Value::Object(counts.into_iter().chain([put_back]).collect())
}
