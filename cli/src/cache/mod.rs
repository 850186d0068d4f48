//! `pillion cache`: values that PHP processes of the host share. It opens the same segment as they do, so that a
//! deployment or cron removes values that the web serves. Only `set` creates a segment: its
//! creator decides on its size.

mod apcu;
mod arguments;
mod format;
mod second;
mod tiers;
mod values;

use std::{env, ffi::OsString, os::unix::ffi::OsStrExt, path::PathBuf, time::Duration};

use pillion_engine::{
    Error, Result,
    cache::{Cache, MAX_KEY},
    config::{Capability, LogFormat, LogSettings, LogTarget},
    engine::Engine,
    logging,
};

pub use arguments::Arguments;
use arguments::Command;
use second::Second;
use tiers::Tiers;
use values::value_of;

use crate::{
    output::{print, print_bytes, remark},
    setting_arguments::SettingArguments,
    users,
};

/// Runs one subcommand. Returns `false` if there is no such value.
///
/// # Errors
/// A setting or directory is unusable, the cache is off or can't be opened, or the value can't be stored or printed.
pub fn run(arguments: Arguments) -> Result<bool> {
    logging::install(&LogSettings {
        target: LogTarget::Stderr,
        level: arguments.log_level,
        format: LogFormat::Text,
    });
    logging::start_writer();
    let namespace = arguments.namespace.as_deref();
    let defined = namespace.map(|name| ("pillion.cache_namespace", name));
    let resolved = arguments
        .settings
        .resolved(Capability::Cache, defined.as_slice())?;
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let engine = Engine::new(resolved, "cli", environment);
    let outcome = match arguments.apcu {
        true => opened(&engine).and_then(|path| apcu::execute(&engine, &path, arguments.command)),
        false => execute(&engine, arguments.command),
    };
    logging::stop_writer(Duration::from_secs(1));
    outcome
}

/// Asks the second tier for a value that does not exist, so that its state is known.
pub fn probe_second_tier(engine: &Engine) {
    if let Ok(Some(second)) = Second::open(engine) {
        let _ = second.run(|tier| async move { tier.read(vec![b"".to_vec()]).await });
    }
}

/// The file of the segment, which may not exist.
///
/// # Errors
/// The cache is off, or its directory is not usable.
fn opened(engine: &Engine) -> Result<PathBuf> {
    if !engine.resolved().settings.cache.enabled {
        return Err(Error::Config(
            "pillion.cache_enabled: found off; expected on".into(),
        ));
    }
    let settings = &engine.resolved().settings;
    let dirs = engine
        .dirs()
        .map_err(|error| SettingArguments::explain_owner(error, settings, "cache …"))?;
    let path = engine.cache_path().unwrap_or_default();
    if !path.exists() || rustix::process::geteuid().is_root() {
        users::remark_others(&dirs.run, &path, "a cache of this namespace", "cache …");
    }
    Ok(path)
}

fn execute(engine: &Engine, command: Command) -> Result<bool> {
    let is_new = !opened(engine)?.exists();
    let second = Second::open(engine)?;
    // Only a store creates the segment.
    let cache = match is_new && !matches!(command, Command::Set { .. }) {
        true => None,
        false => Some(open(engine)?),
    };
    if cache.is_none() && second.is_none() {
        return without_cache(engine, &command);
    }
    let tiers = Tiers {
        engine,
        cache,
        second,
    };
    match command {
        Command::Get { key, raw } => tiers.get(key_bytes(&key)?, raw),
        Command::Set {
            key,
            value,
            string,
            ttl,
            tag,
        } => tiers.set(key_bytes(&key)?, value_of(value, string)?, ttl, &tag),
        Command::Delete { keys, pattern } => {
            let count = match pattern {
                Some(pattern) => tiers.delete_matching(pattern.as_bytes())?,
                None => tiers.delete(&keys)?,
            };
            print_removed(count)
        }
        Command::Touch { key, ttl } => tiers.touch(key_bytes(&key)?, ttl),
        Command::Keys {
            pattern,
            limit,
            after,
            null,
        } => {
            let found = tiers.keys(pattern.as_ref(), limit, after.as_ref());
            print_keys(found, null)
        }
        Command::Invalidate { tags } => tiers.invalidate(&tags),
        Command::Clear => tiers.clear(),
        Command::Stats { json } => tiers.stats(json),
    }
}

fn print_keys(keys: Vec<Vec<u8>>, with_nul: bool) -> Result<bool> {
    let end = if with_nul { b"\0" } else { b"\n" };
    let lines = keys
        .into_iter()
        .flat_map(|key| [key, end.to_vec()].concat());
    print_bytes(&lines.collect::<Vec<u8>>()).map(|()| true)
}

fn print_removed(count: u64) -> Result<bool> {
    print(&format!("{count} removed\n"))?;
    Ok(count > 0)
}

fn open(engine: &Engine) -> Result<&Cache> {
    engine.cache().ok_or_else(|| {
        let reason = engine.cache_failure().unwrap_or_default();
        Error::State(format!("the shared cache is not available: {reason}"))
    })
}

/// The outcome where no process has created the segment: the cache is empty.
fn without_cache(engine: &Engine, command: &Command) -> Result<bool> {
    remark_empty(engine);
    Ok(matches!(
        command,
        Command::Clear | Command::Invalidate { .. } | Command::Keys { .. }
    ))
}

/// Says on standard error that no process of the host has created the segment.
fn remark_empty(engine: &Engine) {
    let namespace = engine.resolved().settings.cache.namespace.as_deref();
    remark(&match namespace {
        Some(name) => format!("no process has stored anything in the namespace {name}"),
        None => "no process has stored anything in the namespace without a name".into(),
    });
}

fn key_bytes(key: &OsString) -> Result<&[u8]> {
    let key = key.as_bytes();
    if key.len() <= MAX_KEY {
        return Ok(key);
    }
    Err(Error::Config(format!(
        "KEY: found {} bytes; expected at most {MAX_KEY}",
        key.len()
    )))
}
