//! `pillion sentry`: queued envelopes and dead letters of this host. It opens the engine's Sentry module with an outbox
//! of its own, as each process of the host does; envelopes that it can't send stay there for the next process.

mod format;

use std::{sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use log::LevelFilter;
use pillion_engine::{
    Error, Result,
    config::{Capability, LogFormat, LogSettings, LogTarget, duration},
    error::IoContext,
    host::Dirs,
    logging, metrics,
    sentry::{Sentry, SentryDirs},
};
use serde_json::json;
use tokio::runtime;

use crate::{log_level::log_level, output::print, setting_arguments::SettingArguments};

const AFTER_HELP: &str = "\
Run it as the user of PHP, which owns the files. Settings come from --config, -d and the environment, as in PHP; php.ini \
is not read.

Examples:
  pillion sentry status
  pillion sentry dead-letters --limit 5
  pillion sentry replay 1795251931277-8f14e45fceea167a
  pillion sentry flush --timeout 1m";

/// Show, send and replay queued envelopes and dead letters
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    settings: SettingArguments,

    /// Level of the log on standard error
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true, default_value = "warn", global = true)]
    log_level: LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show queued envelopes, rate limits, and counts since the machine started
    Status {
        /// As JSON: `status` and `metrics`, as PHP has them
        #[arg(long)]
        json: bool,
    },
    /// List dead letters, the newest first
    DeadLetters {
        /// Limit of the list
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// As JSON, one line each
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters again: one, or all
    Replay {
        /// Id from `dead-letters`
        id: Option<String>,
        /// Time limit
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
        timeout: Duration,
    },
    /// Send the envelopes of dead processes; living ones send their own
    Flush {
        /// Time limit
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
        timeout: Duration,
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "expected a duration such as 500ms, 30s or 1m".to_owned())
}

/// Runs one subcommand.
///
/// # Errors
/// A setting or directory is unusable, a dead letter does not exist, or envelopes are still queued at the time limit.
pub fn run(arguments: Arguments) -> Result<()> {
    logging::install(&LogSettings {
        target: LogTarget::Stderr,
        level: arguments.log_level,
        format: LogFormat::Text,
    });
    logging::start_writer();
    let settings = arguments.settings.settings(Capability::Sentry)?;
    let dirs = SettingArguments::dirs(&settings)?;
    let sentry = open(&settings.sentry, &dirs)?;
    let outcome = match arguments.command {
        Command::Status { json } => {
            let (status, metrics) = (sentry.status(), sentry.metrics());
            print(&if json {
                format!("{:#}\n", json!({ "status": status, "metrics": metrics }))
            } else {
                format::status(&status, &metrics)
            })
        }
        Command::DeadLetters { limit, json } => {
            print(&format::dead_letters(&sentry.dead_letters(limit), json))
        }
        Command::Replay { id, timeout } => {
            let count = sentry.replay(id.as_deref())?;
            match id {
                Some(id) if count == 0 => Err(Error::Config(format!(
                    "there is no dead letter {id}, or the outbox is full; `pillion sentry dead-letters` lists them"
                ))),
                _ => send(&sentry, timeout)
                    .and_then(|()| print(&format!("{count} dead letters sent again\n"))),
            }
        }
        Command::Flush { timeout } => {
            sentry.adopt();
            let count = sentry.queued();
            send(&sentry, timeout)
                .and_then(|()| print(&format!("{count} envelopes of dead processes sent\n")))
        }
    };
    logging::stop_writer(Duration::from_secs(1));
    outcome
}

fn open(settings: &pillion_engine::config::SentrySettings, dirs: &Dirs) -> Result<Arc<Sentry>> {
    if let Err(error) = metrics::share(&dirs.run) {
        log::warn!(error:%; "metrics not shared with other processes");
    }
    let dirs = SentryDirs {
        run: Some(dirs.run.clone()),
        state: Some(dirs.state.clone()),
        other_runs: dirs.other_runs.clone(),
        ..SentryDirs::default()
    };
    Sentry::open(settings.clone(), dirs).map(Arc::new)
}

/// Sends all envelopes in the outbox of this process. Other processes adopt the remaining ones.
fn send(sentry: &Arc<Sentry>, timeout: Duration) -> Result<()> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context(|| "the runtime can't be started")?;
    runtime.spawn(Arc::clone(sentry).run());
    let flush = Arc::clone(sentry).flush();
    let done = runtime.block_on(async { tokio::time::timeout(timeout, flush).await });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(true) => Ok(()),
        _ => Err(Error::Timeout(format!(
            "{} envelopes are still queued; the next Pillion process will send them",
            sentry.queued()
        ))),
    }
}
