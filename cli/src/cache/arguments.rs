//! The arguments of `pillion cache`.

use std::{ffi::OsString, time::Duration};

use clap::{Args, Subcommand};
use log::LevelFilter;
use pillion_engine::config::duration;

use crate::{log_level::log_level, setting_arguments::SettingArguments};

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
    pub(super) command: Command,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    /// Namespace, as pillion.cache_namespace
    #[arg(long, value_name = "NAME", global = true)]
    pub(super) namespace: Option<String>,

    /// The values of APCu's functions, for get, delete, keys and clear
    #[arg(long, global = true)]
    pub(super) apcu: bool,

    /// Level of the log on standard error
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true, default_value = "error", global = true)]
    pub(super) log_level: LevelFilter,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
