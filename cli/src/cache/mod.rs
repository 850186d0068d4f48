//! `pillion cache`: values that PHP processes of the host share. It opens the same segment as they do, so that a
//! deployment or cron removes values that the web serves. Only `set` creates a segment: its
//! creator decides on its size.

mod format;
mod other_users;

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    time::Duration,
};

use clap::{Args, Subcommand};
use log::LevelFilter;
use pillion_engine::{
    Error, Result,
    cache::{
        Cache, Encoding, MAX_KEY, MAX_TAGS, NewValue, Stored, Tag, Ttl, encoding, json, pattern,
    },
    config::{Capability, LogFormat, LogSettings, LogTarget, duration},
    engine::Engine,
    error::IoContext,
    logging,
};
use serde_json::json;

use crate::{
    output::{print, print_bytes, remark},
    setting_arguments::SettingArguments,
};

const AFTER_HELP: &str = "\
Run it as the user of PHP, which owns the memory. Settings come from --config, -d and the environment, as in PHP; \
php.ini is not read, so name the namespace of a pool with --namespace.

Exit code: 0 done or found, 1 no such value, 2 error.

Examples:
  pillion cache get user:7
  pillion cache set motd '{\"text\":\"Back at noon\"}' --ttl 1h --tag news
  pillion cache delete --pattern 'page:*'
  pillion cache invalidate news
  sudo -u www-data pillion cache --namespace shop clear";

/// Read, store and remove values of the shared cache
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    settings: SettingArguments,

    /// Namespace, as pillion.cache_namespace
    #[arg(long, value_name = "NAME", global = true)]
    namespace: Option<String>,

    /// Level of the log on standard error: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "error", global = true)]
    log_level: LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a value as JSON
    Get {
        /// Any bytes
        key: OsString,
        /// A string, and a value that PHP has serialized, as its bytes
        #[arg(long)]
        raw: bool,
    },
    /// Store a value: JSON; its objects become arrays
    Set {
        /// Any bytes
        key: OsString,
        /// JSON, or a text with --string; `-`: from standard input
        #[arg(allow_negative_numbers = true)]
        value: OsString,
        /// The value is a string, any bytes
        #[arg(long)]
        string: bool,
        /// Lifetime [default: pillion.cache_ttl_default]
        #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
        ttl: Option<Duration>,
        /// Tag; may be repeated
        #[arg(long, value_name = "TAG")]
        tag: Vec<OsString>,
    },
    /// Remove values
    Delete {
        /// Any bytes
        #[arg(required_unless_present = "pattern", value_name = "KEY")]
        keys: Vec<OsString>,
        /// All keys that match: `*` stands for any bytes, `?` for one
        #[arg(long, conflicts_with = "keys")]
        pattern: Option<OsString>,
    },
    /// Set the lifetime of a value, from now on
    Touch {
        /// Any bytes
        key: OsString,
        /// Lifetime [default: pillion.cache_ttl_default]
        #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
        ttl: Option<Duration>,
    },
    /// List keys, one a line
    Keys {
        /// Only those that match: `*` stands for any bytes, `?` for one
        #[arg(long)]
        pattern: Option<OsString>,
        /// Limit of the list; 0: none
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        /// Continue the list after this key
        #[arg(long, value_name = "KEY")]
        after: Option<OsString>,
        /// A NUL after each key in place of a line end, for `xargs -0`
        #[arg(short = '0', long)]
        null: bool,
    },
    /// Make all values with a tag misses
    Invalidate {
        /// Any bytes
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<OsString>,
    },
    /// Remove all values of the namespace
    Clear,
    /// Show memory, entries, hits and misses
    Stats {
        /// As JSON, as PHP has it, with the size classes
        #[arg(long)]
        json: bool,
    },
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a duration such as 500ms, 30s or 1h, above zero".to_owned())
}

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
    let outcome = execute(&engine, arguments.command);
    logging::stop_writer(Duration::from_secs(1));
    outcome
}

fn execute(engine: &Engine, command: Command) -> Result<bool> {
    if !engine.resolved().settings.cache.enabled {
        return Err(Error::Config(
            "the shared cache is off; pillion.cache_enabled=on would be right".into(),
        ));
    }
    let dirs = engine.dirs().map_err(|error| {
        let named = engine.resolved().settings.host.run_dir.as_deref();
        named
            .and_then(|dir| other_users::explain(&error, dir))
            .unwrap_or(error)
    })?;
    let path = engine.cache_path().unwrap_or_default();
    let is_new = !path.exists();
    if is_new || rustix::process::geteuid().is_root() {
        other_users::remark(&dirs.run, &path);
    }
    if is_new && !matches!(command, Command::Set { .. }) {
        return without_cache(engine, &command);
    }
    let Some(cache) = engine.cache() else {
        let reason = engine.cache_failure().unwrap_or_default();
        return Err(Error::State(format!(
            "the shared cache is not available: {reason}"
        )));
    };
    match command {
        Command::Get { key, raw } => get(engine, cache, key_bytes(&key)?, raw),
        Command::Set {
            key,
            value,
            string,
            ttl,
            tag,
        } => {
            let key = key_bytes(&key)?;
            let (encoding, bytes) = value_of(value, string)?;
            let tags = tags(cache, &tag)?;
            let value = NewValue {
                bytes: &bytes,
                encoding,
                ttl: ttl_of(engine, key, ttl),
                tags: &tags,
            };
            set(cache, &engine.cache_policies().stored_key(key), &value)
        }
        Command::Delete { keys, pattern } => delete(engine, cache, &keys, pattern.as_ref()),
        Command::Touch { key, ttl } => {
            let key = key_bytes(&key)?;
            let ttl = ttl_of(engine, key, ttl);
            Ok(stored_keys(engine, key).any(|key| cache.touch(&key, ttl)))
        }
        Command::Keys {
            pattern,
            limit,
            after,
            null,
        } => {
            let found = keys(cache, pattern.as_ref(), limit, after.as_ref());
            let end = if null { b"\0" } else { b"\n" };
            let lines: Vec<u8> = found
                .into_iter()
                .flat_map(|key| [key, end.to_vec()].concat())
                .collect();
            print_bytes(&lines).map(|()| true)
        }
        Command::Invalidate { tags } => {
            for tag in &tags {
                cache.invalidate_tag(tag.as_bytes());
            }
            Ok(true)
        }
        Command::Clear => {
            cache.clear();
            Ok(true)
        }
        Command::Stats { json } => {
            let mut stats = engine.cache_stats();
            let classes = cache.class_stats();
            if let (true, Some(fields)) = (json, stats.as_object_mut()) {
                fields.insert("classes".into(), json!(classes));
                return print(&format!("{stats:#}\n")).map(|()| true);
            }
            print(&format::stats(&stats, &classes)).map(|()| true)
        }
    }
}

/// The outcome where no process has created the segment: the cache is empty.
fn without_cache(engine: &Engine, command: &Command) -> Result<bool> {
    let namespace = engine.resolved().settings.cache.namespace.as_deref();
    remark(&match namespace {
        Some(name) => format!("no process has stored anything in the namespace {name}"),
        None => "no process has stored anything in the namespace without a name".into(),
    });
    Ok(matches!(
        command,
        Command::Clear | Command::Invalidate { .. } | Command::Keys { .. }
    ))
}

fn key_bytes(key: &OsString) -> Result<&[u8]> {
    let key = key.as_bytes();
    if key.len() <= MAX_KEY {
        return Ok(key);
    }
    Err(Error::Config(format!(
        "a key has {} bytes; at most {MAX_KEY} would be right",
        key.len()
    )))
}

/// The keys under which a value may be stored: that of the policy `hash`, and the given one, which `keys` has listed.
fn stored_keys<'a>(engine: &Engine, key: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let stored = engine.cache_policies().stored_key(key);
    let listed = matches!(stored, Cow::Owned(_)).then_some(Cow::Borrowed(key));
    [Some(stored), listed].into_iter().flatten()
}

fn ttl_of(engine: &Engine, key: &[u8], ttl: Option<Duration>) -> Ttl {
    ttl.map_or_else(|| engine.default_ttl(key), Ttl::For)
}

fn tags(cache: &Cache, names: &[OsString]) -> Result<Vec<Tag>> {
    if names.len() > MAX_TAGS {
        return Err(Error::Config(format!(
            "found {} tags; at most {MAX_TAGS} would be right",
            names.len()
        )));
    }
    Ok(names
        .iter()
        .map(|name| cache.tag(name.as_bytes()))
        .collect())
}

fn value_of(value: OsString, is_string: bool) -> Result<(Encoding, Vec<u8>)> {
    let bytes = if value == "-" {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context(|| "reading standard input")?;
        bytes
    } else {
        value.as_bytes().to_vec()
    };
    if is_string {
        return Ok((encoding::STRING, bytes));
    }
    json::from_json(&bytes).map_err(|error| {
        Error::Config(format!(
            "the value is {error}; --string stores a text as it is"
        ))
    })
}

fn get(engine: &Engine, cache: &Cache, key: &[u8], is_raw: bool) -> Result<bool> {
    let found = stored_keys(engine, key)
        .find_map(|key| cache.get(&key, |value| (value.encoding(), value.to_vec())));
    let Some((encoding, bytes)) = found else {
        return Ok(false);
    };
    if is_raw && matches!(encoding, encoding::STRING | encoding::SERIALIZED) {
        return print_bytes(&bytes).map(|()| true);
    }
    match json::to_json(encoding, &bytes) {
        Ok(mut text) => {
            text.push(b'\n');
            print_bytes(&text).map(|()| true)
        }
        Err(reason) => Err(Error::State(format!(
            "{reason}{}",
            match encoding {
                encoding::STRING | encoding::SERIALIZED => "; --raw prints its bytes",
                _ => "",
            }
        ))),
    }
}

fn set(cache: &Cache, key: &[u8], value: &NewValue<'_>) -> Result<bool> {
    let max = cache.stats().max_value;
    match cache.set(key, value) {
        Stored::Yes => Ok(true),
        _ if value.bytes.len() as u64 > max => Err(Error::State(format!(
            "the value has {} bytes; this cache stores at most {max}",
            value.bytes.len()
        ))),
        _ => Err(Error::State(
            "not stored: all memory of the cache is in use".into(),
        )),
    }
}

fn delete(
    engine: &Engine,
    cache: &Cache,
    keys: &[OsString],
    pattern: Option<&OsString>,
) -> Result<bool> {
    let mut count = 0;
    for key in keys {
        let mut keys = stored_keys(engine, key_bytes(key)?);
        count += usize::from(keys.any(|key| cache.delete(&key)));
    }
    if let Some(pattern) = pattern {
        count += cache.delete_matching(pattern.as_bytes(), 0, usize::MAX).0;
    }
    print(&format!("{count} removed\n"))?;
    Ok(count > 0)
}

fn keys(
    cache: &Cache,
    pattern: Option<&OsString>,
    limit: usize,
    after: Option<&OsString>,
) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    cache.for_each_key(after.map(|key| key.as_bytes()), |key| {
        if pattern.is_none_or(|pattern| pattern::matches(pattern.as_bytes(), &key)) {
            found.push(key);
        }
        limit == 0 || found.len() < limit
    });
    found
}
