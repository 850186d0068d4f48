//! `Pillion\Worker`: requests in workers.

use pillion_engine::{Error, worker::Event, worker::request_id};
use serde_json::json;

use super::function;
use crate::{
    boundary::{self, FIGURES, identity},
    handler, process,
    thread::Thread,
    zend::{
        call::{Call, Thrown},
        memory,
        ret::Ret,
        signature::Function,
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
    function("Pillion\\Worker\\status", "(): array", handler!(status)),
];

fn mode(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.string(identity::mode().name());
    Ok(())
}

fn current_id(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.string(identity::request_id()?);
    Ok(())
}

fn request_begin(call: &Call<'_>, _: Ret) -> Result<(), Thrown> {
    call.arity(0, 1)?;
    let id = match call.opt_string(0)? {
        Some(given) => Some(request_id::from_header(given).ok_or_else(|| {
            call.value_error(0, c"must be 1 to 128 letters, digits and -_.:+/=@")
        })?),
        None => None,
    };
    boundary::tell(Event::ManualBegin).map_err(refused)?;
    if let Some(id) = id {
        identity::set(id.to_owned());
    }
    Ok(())
}

fn request_end(call: &Call<'_>, _: Ret) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    boundary::tell(Event::ManualEnd).map_err(refused)?;
    Ok(())
}

fn refused(refusal: pillion_engine::worker::Refusal) -> Thrown {
    Error::State(boundary::explain(refusal)).into()
}

fn status(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let counts = FIGURES.counts();
    let (noted, ended) = Thread::with(|thread| (thread.worker.noted(), thread.worker.ended()));
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
        "thread": process::thread_id(),
        "uptime": boundary::uptime().as_secs_f64(),
        "restarts": boundary::restarts(),
        "requests": counts.ended,
        "requests_begun": counts.begun,
        "thread_requests": ended,
        "request": request,
        "durations": {
            "last": counts.last.as_secs_f64(),
            "p50": counts.p50.as_secs_f64(),
            "p99": counts.p99.as_secs_f64(),
        },
        "memory": memory::usage(),
        "peak_memory": memory::peak(),
    }));
    Ok(())
}
