//! `Pillion\Velox`: builds of RoadRunner binaries.

use pillion_engine::velox::Identity;

use super::{convert, function};
use crate::{
    functions::artifact,
    handler, process,
    zend::{
        call::{Call, Thrown},
        ret::Ret,
        signature::Function,
    },
};

pub const FUNCTIONS: &[Function] = &[
    function(
        "Pillion\\Velox\\build",
        "(array $request, ?float $timeout = null): Pillion\\Future",
        handler!(build),
    ),
    function(
        "Pillion\\Velox\\find",
        "(array|string $requestOrKey): ?Pillion\\Artifact",
        handler!(find),
    ),
    function(
        "Pillion\\Velox\\key",
        "(array $request): string",
        handler!(key),
    ),
    function(
        "Pillion\\Velox\\status",
        "(string $requestId): ?array",
        handler!(status),
    ),
    function(
        "Pillion\\Velox\\explain",
        "(array $request): array",
        handler!(explain),
    ),
    function("Pillion\\Velox\\builds", "(): array", handler!(builds)),
];

fn build(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(1, 2)?;
    let table = call.array(0)?;
    let timeout = call.opt_seconds(1)?;
    let request = convert::request(table)?;
    convert::submit(ret, |inbox| {
        process::current().build(request, timeout, inbox)
    })
}

fn find(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(1, 1)?;
    if !call.is_array(0) {
        let key = convert::key_in(call, 0, call.string_of_union(0, c"array|string")?)?;
        if let Some(record) = process::current()
            .store()?
            .and_then(|store| store.find(key))
        {
            artifact::give_hit(record, ret);
        }
        return Ok(());
    }
    let request = convert::request(call.array(0)?)?;
    if let Some(found) = process::current().find(&request)? {
        artifact::give(found, ret);
    }
    Ok(())
}

fn key(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(1, 1)?;
    let request = convert::request(call.array(0)?)?;
    ret.string(Identity::of(&request).key.to_string());
    Ok(())
}

fn status(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(1, 1)?;
    let id = String::from_utf8_lossy(call.string(0)?).into_owned();
    if let Some(status) = process::current().velox()?.status(&id) {
        ret.json(&status);
    }
    Ok(())
}

fn explain(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(1, 1)?;
    let request = convert::request(call.array(0)?)?;
    ret.json(&process::current().velox()?.explain(&request).to_json());
    Ok(())
}

fn builds(call: &Call<'_>, ret: Ret) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.json(&serde_json::Value::Array(
        process::current().velox()?.builds(),
    ));
    Ok(())
}
