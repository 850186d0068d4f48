//! Namespace `Pillion\Velox`: builds of RoadRunner binaries. On PHP's threads.

use super::arguments;
use super::artifact;
use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        registration::Function,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Velox\\";
    "build" "(array $request, ?float $timeout = null): Pillion\\Future" => build,
    "find" "(array|string $requestOrKey): ?Pillion\\Artifact" => find,
    "key" "(array $request): string" => key,
    "status" "(string $requestId): ?array" => status,
    "explain" "(array $request): array" => explain,
    "builds" "(): array" => builds,
};

fn build(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let table = call.array(0)?;
    let timeout = call.opt_seconds(1)?;
    let request = arguments::request(table)?;
    arguments::submit(ret, |completions| {
        engine::current().build(request, timeout, completions)
    })
}

fn find(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if !call.is_array(0) {
        let key = arguments::key_in(call, 0, call.string_of_union(0, c"array|string")?)?;
        if let Some(record) = engine::current().store()?.and_then(|store| store.find(key)) {
            artifact::return_hit(record, ret);
        }
        return Ok(());
    }
    let keys = arguments::keys(call.array(0)?)?;
    if let Some(artifact) = engine::current().find(&keys)? {
        artifact::return_object(artifact, ret);
    }
    Ok(())
}

fn key(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let keys = arguments::keys(call.array(0)?)?;
    ret.string(keys.key.to_string());
    Ok(())
}

fn status(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let id = String::from_utf8_lossy(call.string(0)?).into_owned();
    if let Some(status) = engine::current().velox()?.status(&id) {
        ret.json(&status);
    }
    Ok(())
}

fn explain(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let request = arguments::lookup(call.array(0)?)?;
    ret.json(&engine::current().velox()?.explain(&request).to_json());
    Ok(())
}

fn builds(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&serde_json::Value::Array(
        engine::current().velox()?.builds(),
    ));
    Ok(())
}
