//! Arguments of subcommands that use the state of PHP processes on the host: settings from the same sources as in PHP,
//! except that `-d` takes the place of php.ini, which only PHP reads; and the host's directories.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use pillion_engine::{
    Error, Result,
    config::{self, Capability, Resolved, Settings, Sources, TABLE, duration, size},
    host::{DirOptions, Dirs},
};

use crate::users;

/// Sources of settings.
#[derive(Debug, Args)]
pub struct SettingArguments {
    /// YAML file with settings, such as RoadRunner's `.rr.yaml` [env: PILLION_CONFIG]
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Setting as in php.ini: `-d pillion.run_dir=/run/pillion`; may be repeated, on one side of a subcommand
    #[arg(short = 'd', long = "define", value_name = "NAME=VALUE", value_parser = parse_definition, global = true)]
    define: Vec<(String, String)>,
}

fn parse_definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, such as pillion.run_dir=/run/pillion")?;
    let name = match name.starts_with("pillion.") {
        true => name.to_owned(),
        false => format!("pillion.{name}"),
    };
    if !TABLE.iter().any(|setting| setting.ini_name() == name) {
        let meant = config::meant_entry(&name);
        let hint = meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"));
        return Err(format!("there is no setting {name}{hint}"));
    }
    Ok((name, value.to_owned()))
}

impl SettingArguments {
    /// All settings.
    ///
    /// # Errors
    /// The first invalid setting that `capability` needs.
    pub fn settings(&self, capability: Capability) -> Result<Settings> {
        Ok(self.resolved(capability, &[])?.settings)
    }

    /// All settings with their sources; `more` are as if `-d` had defined them.
    ///
    /// # Errors
    /// As [`SettingArguments::settings`].
    pub fn resolved(&self, capability: Capability, more: &[(&str, &str)]) -> Result<Resolved> {
        let resolved = self.unchecked(more);
        match resolved.capability_off(capability) {
            Some(error) => Err(Error::Config(error.to_string())),
            None => Ok(resolved),
        }
    }

    /// As [`SettingArguments::resolved`], with the errors among the rest.
    pub fn unchecked(&self, more: &[(&str, &str)]) -> Resolved {
        let cwd = env::current_dir().unwrap_or_default();
        let mut defined: HashMap<&str, String> = self
            .define
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .chain(
                more.iter()
                    .map(|(name, value)| (*name, (*value).to_owned())),
            )
            .collect();
        if let Some(config) = &self.config {
            let path = cwd.join(config).to_string_lossy().into_owned();
            defined.insert("pillion.config", path);
        }
        let mut resolved = config::resolve(&Sources {
            ini: &|name| defined.get(name).cloned(),
            env: &|name| env::var(name).ok(),
            read_file: &config::file::read,
            cwd: Path::new(&cwd),
        });
        let variables: Vec<String> = env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .collect();
        resolved.check_variables(variables.iter().map(String::as_str));
        resolved
    }

    /// As an error of the directories, with the command that runs as their owner if that is another user.
    pub fn explain_owner(error: Error, settings: &Settings, command: &str) -> Error {
        let host = &settings.host;
        let named = [&host.run_dir, &host.state_dir];
        let mut owners = named
            .into_iter()
            .flatten()
            .filter_map(|dir| users::other_owner(dir));
        match owners.next() {
            Some(owner) => Error::Config(format!(
                "{error}; {} runs as its owner",
                users::sudo(&owner, command)
            )),
            None => error,
        }
    }

    /// The host's directories, equal to those of a PHP process of this user.
    ///
    /// # Errors
    /// A directory of the settings is unusable.
    pub fn dirs(settings: &Settings) -> Result<Dirs> {
        Dirs::resolve(&DirOptions {
            state_dir: settings.host.state_dir.clone(),
            run_dir: settings.host.run_dir.clone(),
            group: settings.host.group.clone(),
            env: &|name| env::var(name).ok(),
            temporary: env::temp_dir(),
            memory: "/dev/shm".into(),
        })
    }
}

/// Parses the value of an argument that is a time above zero.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a duration such as 90s, 10m or 1h30m, above zero".to_owned())
}

/// Parses the value of an argument that is a number of bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    size::parse(text).ok_or_else(|| "expected a size in bytes such as 500MB or 5GB".to_owned())
}
