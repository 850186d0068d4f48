//! Namespace `Pillion\Artifacts`: the built binaries on disk, by key. On PHP's threads.

use std::{
    ffi::{CStr, CString, OsStr},
    fs::File,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::PathBuf,
};

use pillion_engine::{
    Error,
    artifacts::{self, Artifact, Key},
    engine::{Value, artifact_stats},
    error::{IoContext, Violation},
    velox::{BuildRequest, ConfigKeys},
};

use super::arguments;
use super::artifact;
use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        ffi, json,
        registration::Function,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Artifacts\\";
    "find" "(string $key): ?Pillion\\Artifact" => find,
    "put" "(string $key, string $path, array $meta = []): Pillion\\Future" => put,
    "forget" "(string $key): bool" => forget,
    "entries" "(int $limit = 100, ?string $after = null): array" => entries,
    "stats" "(): array" => stats,
    "clean" "(): Pillion\\Future" => clean,
    "push" "(string $key): Pillion\\Future" => push,
    "pull" "(string $key): Pillion\\Future" => pull,
};

fn find(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = arguments::key(call, 0)?;
    if let Some(record) = engine::current().store()?.and_then(|store| store.find(key)) {
        artifact::return_hit(record, ret);
    }
    Ok(())
}

fn put(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = arguments::key(call, 0)?;
    let path = allowed_path(call, 1)?;
    let meta = match call.len() {
        3 => json::to_json(call.array(2)?).map_err(in_meta)?,
        _ => serde_json::json!({}),
    };
    let mut put = artifacts::Put::parse(key, &meta)?;
    // A configuration that is a build request makes the binary found by such a request.
    if let Ok(request) = BuildRequest::without_id(put.config()) {
        put = put.known_by(ConfigKeys::of(&request).digest);
    }
    arguments::submit(ret, |completions| {
        engine::current().with_store("artifacts.put", completions, move |store, job| {
            // So that `open` neither waits for the other end of a pipe nor makes a terminal the controlling one.
            let file = File::options()
                .read(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                .open(&path)
                .context(|| format!("opening {}", path.display()))?;
            let record = store.put(&file, put, || job.cancel.is_cancelled())?;
            Ok(Value::Artifact(Artifact::committed(record)))
        })
    })
}

fn forget(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = arguments::key(call, 0)?;
    ret.bool(engine::current().enabled_store()?.forget(key)?);
    Ok(())
}

fn entries(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let limit = call.int_or(0, 100)?;
    let limit = usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=10_000).contains(limit))
        .ok_or_else(|| call.value_error(0, c"must be between 1 and 10000"))?;
    let after: Option<Key> = match call.opt_string(1)? {
        Some(_) => Some(arguments::key(call, 1)?),
        None => None,
    };
    let found = engine::current().enabled_store()?.entries(limit, after);
    let list = ret.array(found.len());
    for record in found {
        list.push(|ret| artifact::return_hit(record, ret));
    }
    Ok(())
}

fn stats(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let stats = engine::current().enabled_store()?.stats();
    ret.json(&artifact_stats::stats(&stats));
    Ok(())
}

fn clean(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    arguments::submit(ret, |completions| {
        engine::current().with_store("artifacts.clean", completions, |store, job| {
            artifact_stats::clean(store, || job.cancel.is_cancelled()).map(Value::Report)
        })
    })
}

fn push(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = arguments::key(call, 0)?;
    arguments::submit(ret, |completions| engine::current().push(key, completions))
}

fn pull(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = arguments::key(call, 0)?;
    arguments::submit(ret, |completions| engine::current().pull(key, completions))
}

/// The error for violations in `meta`; their paths begin there.
fn in_meta(mut wrong: Vec<Violation>) -> Error {
    for violation in &mut wrong {
        violation.field = match violation.field.as_str() {
            "request" => "meta".to_owned(),
            field => format!("meta.{field}"),
        };
    }
    Error::InvalidRequest(wrong)
}

/// An absolute path, if `open_basedir` allows it; else PHP emits its own warning.
fn allowed_path(call: &Call<'_>, position: u32) -> Result<PathBuf, Thrown> {
    let bytes = call.string(position)?;
    let Ok(text) = CString::new(bytes) else {
        return Err(call.value_error(position, c"must not contain any null bytes"));
    };
    if bytes.is_empty() {
        return Err(call.value_error(position, c"must not be empty"));
    }
    // SAFETY: a C string, on a PHP thread in a call.
    if unsafe { ffi::php_check_open_basedir(text.as_ptr()) } != 0 {
        return Err(Error::InvalidRequest(vec![Violation {
            field: "path".into(),
            message: "open_basedir does not allow it".into(),
        }])
        .into());
    }
    // A relative path is resolved now, by PHP's working directory, and not when the job runs.
    let mut resolved = [0; libc::PATH_MAX as usize];
    // SAFETY: a C string, and a buffer for the longest path that PHP writes.
    let path = unsafe {
        if ffi::expand_filepath(text.as_ptr(), resolved.as_mut_ptr()).is_null() {
            return Err(call.value_error(position, c"must be a path that is not too long"));
        }
        CStr::from_ptr(resolved.as_ptr())
    };
    Ok(PathBuf::from(OsStr::from_bytes(path.to_bytes())))
}
