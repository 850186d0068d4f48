//! `pillion sentry`: what waits for Sentry on this host, and what was given up. It opens the engine's room as a process of
//! the host does, with an outbox of its own, and leaves nothing but what it could not send.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use log::LevelFilter;
use pillion_engine::{
    Error, Result,
    config::{LogFormat, LogSettings, LogTarget, duration},
    error::IoContext,
    host::Dirs,
    logging,
    sentry::{Sentry, SentryDirs},
};
use serde_json::{Value, json};
use tokio::runtime;

use crate::settings::Given;

const AFTER: &str = "\
Run it as the user that PHP runs as: the files are that user's. Settings come from --config, -d and the environment, as in PHP; \
php.ini is not read.

Examples:
  pillion sentry status
  pillion sentry dead-letters --limit 5
  pillion sentry replay 1795251931277-8f14e45fceea167a
  pillion sentry flush --timeout 1m";

/// Look at what waits for Sentry, and at what was given up
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    given: Given,

    /// What is logged to standard error: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "warn", global = true)]
    log_level: LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What waits, which silences Sentry asked for, and what was counted since the machine started
    Status {
        /// As JSON: `status` and `metrics`, as PHP has them
        #[arg(long)]
        json: bool,
    },
    /// Envelopes that were given up, the newest first
    DeadLetters {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// As JSON, one line each
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters once more: one, or all
    Replay {
        /// As `dead-letters` tells it
        id: Option<String>,
        /// Wait so long at most
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
        timeout: Duration,
    },
    /// Send what processes left that have died; the living see to theirs
    Flush {
        /// Wait so long at most
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
        timeout: Duration,
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "must be a duration such as 500ms, 30s or 1m".to_owned())
}

/// Does what was asked.
///
/// # Errors
/// A setting or directory is of no use, a letter is not there, or something waits still.
pub fn run(arguments: Arguments) -> Result<()> {
    logging::install(&LogSettings {
        target: LogTarget::Stderr,
        level: arguments.log_level,
        format: LogFormat::Text,
    });
    logging::start_writer();
    let settings = arguments.given.settings("sentry")?;
    let dirs = Given::dirs(&settings)?;
    let sentry = open(&settings.sentry, &dirs)?;
    let outcome = match arguments.command {
        Command::Status { json } => {
            let told = json!({ "status": sentry.status(), "metrics": sentry.metrics() });
            print(&if json {
                format!("{told:#}\n")
            } else {
                status(&told)
            })
        }
        Command::DeadLetters { limit, json } => {
            let letters = sentry.dead_letters(limit);
            print(&letters_of(&letters, json))
        }
        Command::Replay { id, timeout } => {
            let count = sentry.replay(id.as_deref())?;
            match id {
                Some(id) if count == 0 => Err(Error::Config(format!(
                    "there is no dead letter {id}, or it was not taken; `pillion sentry dead-letters` lists them"
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
    let places = SentryDirs {
        run: Some(dirs.run.clone()),
        state: Some(dirs.state.clone()),
        other_runs: dirs.other_runs.clone(),
        ..SentryDirs::default()
    };
    Sentry::open(settings.clone(), places).map(Arc::new)
}

/// Sends all that waits in the outbox of this process. What is left, others adopt.
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
            "{} envelopes wait still; they are safe, and sent by the next process that uses Pillion",
            sentry.queued()
        ))),
    }
}

fn print(text: &str) -> Result<()> {
    // Whoever closed standard output wants no more.
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("writing to standard output", error))
        }
        _ => Ok(()),
    }
}

fn status(told: &Value) -> String {
    let (status, metrics) = (&told["status"], &told["metrics"]);
    let queue = |key: &str| {
        let number = status.get("queue").and_then(|queue| queue.get(key));
        number.and_then(Value::as_u64).unwrap_or(0)
    };
    let count = |key: &&str| metrics.get(*key).and_then(Value::as_u64).unwrap_or(0);
    let mut out = String::new();
    let mut line = |name: &str, text: String| out.push_str(&format!("{name:<14}{text}\n"));
    line(
        "enabled",
        match (status["enabled"] == true, status["dsn_set"] == true) {
            (false, _) => "no".into(),
            (true, true) => "yes".into(),
            (true, false) => "yes; no project is set here, envelopes have to name theirs".into(),
        },
    );
    line(
        "waiting",
        format!(
            "{} envelopes, outboxes take {}",
            queue("queue_length"),
            bytes(queue("bytes"))
        ),
    );
    line("dead letters", queue("retry_queue_length").to_string());
    let limits = status["rate_limits"].as_object().into_iter().flatten();
    for (category, until) in limits {
        line(
            "silence",
            format!("{category} until {}", until.as_str().unwrap_or_default()),
        );
    }
    for (name, keys) in [
        ("accepted", &["events_accepted"] as &[&str]),
        ("sent", &["events_sent"]),
        ("refused", &["events_failed"]),
        ("silenced", &["events_rate_limit"]),
        ("no room", &["events_dropped", "events_too_large"]),
        ("adopted", &["events_adopted"]),
        ("retries", &["total_retries"]),
    ] {
        let sum: u64 = keys.iter().map(count).sum();
        line(name, sum.to_string());
    }
    for (name, key) in [
        ("request takes", "send_seconds"),
        ("waited", "wait_seconds"),
    ] {
        if let Some(seconds) = metrics[key].as_f64() {
            line(name, format!("{:.1} ms on average", seconds * 1e3));
        }
    }
    out
}

fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    match count as f64 {
        few if few < KIB * KIB => format!("{:.1} KiB", few / KIB),
        many => format!("{:.1} MiB", many / KIB / KIB),
    }
}

fn letters_of(letters: &Value, as_json: bool) -> String {
    let mut out = String::new();
    for letter in letters.as_array().into_iter().flatten() {
        if as_json {
            out.push_str(&format!("{letter}\n"));
            continue;
        }
        let text = |key: &str| letter[key].as_str().unwrap_or_default();
        let types: Vec<&str> = letter["types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        out.push_str(&format!(
            "{}  {}  {} bytes, {} tries  {}\n",
            text("id"),
            types.join("+"),
            letter["bytes"],
            letter["attempts"],
            text("reason")
        ));
    }
    out
}
