//! `pillion cache`: values that PHP processes of the host share. It opens the same segment as they do, so that a
//! deployment or cron removes values that the web serves. Only `set` creates a segment: its
//! creator decides on its size.

mod format;
mod other_users;
mod second;
mod tiers;

use std::{
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
    cache::{Cache, Encoding, MAX_KEY, encoding, json},
    config::{Capability, LogFormat, LogSettings, LogTarget, duration},
    engine::Engine,
    error::IoContext,
    logging,
};
use second::Second;
use tiers::Tiers;

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
            "pillion.cache_enabled: found off; expected on".into(),
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
            print(&format!("{count} removed\n"))?;
            Ok(count > 0)
        }
        Command::Touch { key, ttl } => tiers.touch(key_bytes(&key)?, ttl),
        Command::Keys {
            pattern,
            limit,
            after,
            null,
        } => {
            let found = tiers.keys(pattern.as_ref(), limit, after.as_ref());
            let end = if null { b"\0" } else { b"\n" };
            let lines: Vec<u8> = found
                .into_iter()
                .flat_map(|key| [key, end.to_vec()].concat())
                .collect();
            print_bytes(&lines).map(|()| true)
        }
        Command::Invalidate { tags } => tiers.invalidate(&tags),
        Command::Clear => tiers.clear(),
        Command::Stats { json } => tiers.stats(json),
    }
}

fn open(engine: &Engine) -> Result<&Cache> {
    engine.cache().ok_or_else(|| {
        let reason = engine.cache_failure().unwrap_or_default();
        Error::State(format!("the shared cache is not available: {reason}"))
    })
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
        "KEY: found {} bytes; expected at most {MAX_KEY}",
        key.len()
    )))
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
