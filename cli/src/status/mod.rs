//! `pillion status`: the state of the host on some lines, or as JSON with the trees of the dashboard. Reads the files
//! of the host, and needs no `pillion serve`.

mod text;

use std::env;

use clap::Args;
use log::LevelFilter;
use pillion_engine::{
    Result,
    config::{Capability, LogFormat, LogSettings, LogTarget},
    engine::Engine,
    logging,
};
use serde_json::{Value, json};

use crate::{
    log_level::log_level, output::print, setting_arguments::SettingArguments, units::list, users,
};

const AFTER_HELP: &str = "\
Run it as the user of PHP, which owns the files. Settings come from --config, -d and the environment, as in PHP; php.ini \
is not read.

Exit code: 0 no problem, 1 a setting or a part of Pillion can't be used (the lines `problem`), 2 error.

Examples:
  pillion status
  pillion status --json | jq '.workers[] | select(.busy > 10)'
  sudo -u www-data pillion status -d pillion.run_dir=/run/pillion";

/// Show workers, builds, artifacts, cache and Sentry's queue of this host
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    settings: SettingArguments,

    /// As JSON: `overview`, `workers`, `processes`, `builds`, `cache`, `sentry`
    #[arg(long)]
    json: bool,

    /// Level of the log on standard error
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true, default_value = "error")]
    log_level: LevelFilter,
}

/// Prints the state. Returns `false` if there is a problem.
///
/// # Errors
/// A directory is unusable, or standard output can't be written.
pub fn run(arguments: Arguments) -> Result<bool> {
    let engine = open(&arguments.settings, arguments.log_level, "status")?;
    if let Ok(dirs) = engine.dirs()
        && rustix::process::geteuid().is_root()
    {
        let presence = dirs.run.join("presence");
        users::remark_others(&dirs.run, &presence, "a run_dir of its own", "status");
    }
    crate::cache::probe_second_tier(&engine);
    let state = state(&engine);
    let is_well = list(&state, "/overview/problems").is_empty();
    print(&match arguments.json {
        true => format!("{state:#}\n"),
        false => text::summary(&state),
    })?;
    Ok(is_well)
}

/// The engine of the command of that name, which only reads.
///
/// # Errors
/// A directory is unusable.
pub fn open(settings: &SettingArguments, log_level: LevelFilter, command: &str) -> Result<Engine> {
    logging::install(&LogSettings {
        target: LogTarget::Stderr,
        level: log_level,
        format: LogFormat::Text,
    });
    // Invalid settings of other parts are problems that it shows.
    let resolved = settings.resolved(Capability::Host, &[])?;
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let engine = Engine::new(resolved, "cli", environment);
    let settings = &engine.resolved().settings;
    engine
        .dirs()
        .map_err(|error| SettingArguments::explain_owner(error, settings, command))?;
    Ok(engine)
}

/// The trees of the dashboard.
#[must_use]
pub fn state(engine: &Engine) -> Value {
    let mut workers = engine.workers_view();
    json!({
        "overview": engine.overview(),
        "workers": workers.get_mut("workers").map(Value::take),
        "processes": workers.get_mut("processes").map(Value::take),
        "builds": engine.builds_view(),
        "cache": engine.cache_view(),
        "sentry": engine.sentry_view(),
    })
}
