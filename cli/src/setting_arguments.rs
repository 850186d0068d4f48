//! Arguments of subcommands that use the state of PHP processes on the host: settings from the same sources as in PHP,
//! except that `-d` takes the place of php.ini, which only PHP reads; and the host's directories.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
};

use clap::Args;
use pillion_engine::{
    Error, Result,
    config::{self, Capability, Resolved, Settings, Sources, TABLE},
    host::{DirOptions, Dirs},
};

/// Sources of settings.
#[derive(Debug, Args)]
pub struct SettingArguments {
    /// YAML file with settings, such as RoadRunner's `.rr.yaml` [env: PILLION_CONFIG]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Setting as in php.ini: `-d pillion.run_dir=/run/pillion`; may be repeated
    #[arg(short = 'd', long = "define", value_name = "NAME=VALUE", value_parser = parse_definition)]
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
        return Err(format!("there is no setting {name}"));
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
        let resolved = config::resolve(&Sources {
            ini: &|name| defined.get(name).cloned(),
            env: &|name| env::var(name).ok(),
            read_file: &config::file::read,
            cwd: Path::new(&cwd),
        });
        match resolved.capability_off(capability) {
            Some(error) => Err(Error::Config(error.to_string())),
            None => Ok(resolved),
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
