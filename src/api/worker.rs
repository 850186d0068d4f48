//! `Pillion\Worker`: requests in workers.

use pillion_engine::{
    Error,
    worker::{
        Event, hooks, request_id,
        request_state::{OpenedBy, RequestState},
        residue::ResidueKind,
    },
};
use serde_json::json;

use super::function;
use crate::{
    engine, handler,
    thread_state::Thread,
    worker::{self, REQUEST_STATS, RESIDUE_STATS, identity, request_loop, reset_hooks},
    zend::{
        arguments::{Call, Thrown},
        memory,
        owned::OwnedZval,
        registration::Function,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = &[
    function("Pillion\\Worker\\mode", "(): string", handler!(mode)),
    function(
        "Pillion\\Worker\\request_id",
        "(): string",
        handler!(current_id),
    ),
    function(
        "Pillion\\Worker\\request_begin",
        "(?string $id = null): void",
        handler!(request_begin),
    ),
    function(
        "Pillion\\Worker\\request_end",
        "(): void",
        handler!(request_end),
    ),
    function(
        "Pillion\\Worker\\loop",
        "(callable $handler, int $maxRequests = 0): int",
        handler!(serve_requests),
    ),
    function(
        "Pillion\\Worker\\on_reset",
        "(callable $hook, int $priority = 0): int",
        handler!(on_reset),
    ),
    function(
        "Pillion\\Worker\\remove_hook",
        "(int $id): bool",
        handler!(remove_hook),
    ),
    function(
        "Pillion\\Worker\\scope_set",
        "(string $key, mixed $value): void",
        handler!(scope_set),
    ),
    function(
        "Pillion\\Worker\\scope_get",
        "(string $key, mixed $default = null): mixed",
        handler!(scope_get),
    ),
    function("Pillion\\Worker\\leaks", "(): array", handler!(leaks)),
    function("Pillion\\Worker\\status", "(): array", handler!(status)),
];

fn mode(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.string(identity::mode().name());
    Ok(())
}

fn current_id(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.string(identity::request_id()?);
    Ok(())
}

fn request_begin(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 1)?;
    let id = match call.opt_string(0)? {
        Some(given) => Some(request_id::from_header(given).ok_or_else(|| {
            call.value_error(0, c"must be 1 to 128 letters, digits and -_.:+/=@")
        })?),
        None => None,
    };
    crate::leak_check::before_wait();
    worker::tell(Event::ManualBegin).map_err(refused)?;
    reset_hooks::begins();
    if let Some(id) = id {
        identity::set(id.to_owned());
    }
    Ok(())
}

fn request_end(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let state = Thread::with(|thread| thread.worker.state());
    if state == RequestState::Open(OpenedBy::Manual) {
        if reset_hooks::is_running() {
            return Err(Error::State(
                "request_end() was called by a reset hook: the request ends by itself after the hooks"
                    .into(),
            )
            .into());
        }
        reset_hooks::run();
        reset_hooks::ended();
    }
    worker::tell(Event::ManualEnd).map_err(refused)?;
    Ok(())
}

fn serve_requests(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(1, 2)?;
    let handler = call.callable(0)?;
    let most = u64::try_from(call.int_or(1, 0)?)
        .map_err(|_| call.value_error(1, c"must be greater than or equal to 0"))?;
    // The handler outlives its variable.
    let handler = OwnedZval::new(handler);
    let served = request_loop::serve(&handler, most);
    handler.release();
    ret.int(served?.try_into().unwrap_or(i64::MAX));
    Ok(())
}

fn on_reset(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(1, 2)?;
    let hook = call.callable(0)?;
    let priority = call.int_or(1, 0)?;
    let id = reset_hooks::add(OwnedZval::new(hook), priority).ok_or_else(|| {
        Error::State(format!(
            "{} hooks are registered: register each once, before the loop, and not in every request",
            hooks::MAX_HOOKS
        ))
    })?;
    ret.int(id.try_into().unwrap_or(i64::MAX));
    Ok(())
}

fn remove_hook(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(1, 1)?;
    let id = call.int_or(0, 0)?;
    ret.bool(u64::try_from(id).is_ok_and(reset_hooks::remove));
    Ok(())
}

fn scope_set(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    call.arity(2, 2)?;
    let name = call.string(0)?;
    let Some(value) = call.any(1) else {
        return Ok(());
    };
    let kept = OwnedZval::new(value);
    match Thread::with(|thread| thread.worker.scope_set(name, kept)) {
        Ok(Some(before)) => before.release(),
        Ok(None) => {}
        Err(()) => {
            kept.release();
            return Err(Error::State(
                "scope_set() was called between two requests: there is no scope to keep it in"
                    .into(),
            )
            .into());
        }
    }
    Ok(())
}

fn scope_get(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(1, 2)?;
    let name = call.string(0)?;
    match Thread::with(|thread| thread.worker.scope_get(name)) {
        Some(value) => value.copy_to(ret),
        None => {
            if let Some(default) = call.any(1) {
                ret.copy(default);
            }
        }
    }
    Ok(())
}

fn refused(error: pillion_engine::worker::RequestStateError) -> Thrown {
    Error::State(worker::explain(error)).into()
}

fn leaks(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.json(&crate::leak_check::current_leaks());
    Ok(())
}

fn status(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let counts = REQUEST_STATS.counts();
    let (noted, ended, hooks) = Thread::with(|thread| {
        let worker = &thread.worker;
        (worker.noted(), worker.ended(), worker.hooks())
    });
    let (trend, baseline, collected) = Thread::with(|thread| {
        let worker = &thread.worker;
        let slope = worker.trend().slope().map(f64::round);
        let trend = slope
            .map(|bytes| json!({ "bytes": bytes as i64, "requests": worker.trend().requests() }));
        (trend, worker.baseline(), worker.collected())
    });
    let request = match noted {
        Some(noted) => json!({
            "id": identity::request_id()?,
            "seconds": noted.at.elapsed().as_secs_f64(),
            "memory_baseline": noted.memory,
        }),
        None => serde_json::Value::Null,
    };
    ret.json(&json!({
        "status": "ok",
        "mode": identity::mode().name(),
        "worker_mode": identity::is_worker(),
        "pid": std::process::id(),
        "thread": engine::thread_id(),
        "uptime": worker::uptime().as_secs_f64(),
        "restarts": worker::restarts(),
        "requests": counts.ended,
        "requests_begun": counts.begun,
        "thread_requests": ended,
        "request": request,
        "durations": {
            "last": counts.last.as_secs_f64(),
            "p50": counts.p50.as_secs_f64(),
            "p99": counts.p99.as_secs_f64(),
        },
        "hooks": {
            "registered": hooks,
            "run": counts.hooks_run,
            "failed": counts.hooks_failed,
            "skipped": counts.hooks_skipped,
        },
        "left_behind": left_behind(),
        "memory": memory::usage(),
        "peak_memory": memory::peak(),
        "memory_baseline": baseline,
        "trend": trend,
        "gc": {
            "policy": worker::gc::policy().words("every"),
            "runs": collected.runs,
            "freed": collected.freed,
            "last": collected.last.map(|last| last.elapsed().as_secs_f64()),
        },
    }));
    Ok(())
}

/// How often something of each kind was left behind, and how often it was put back.
fn left_behind() -> serde_json::Value {
    let counts =
        ResidueKind::ALL.map(|kind| (kind.name().to_owned(), RESIDUE_STATS.found(kind).into()));
    let put_back = ("put_back".to_owned(), RESIDUE_STATS.restored().into());
    serde_json::Value::Object(counts.into_iter().chain([put_back]).collect())
}
