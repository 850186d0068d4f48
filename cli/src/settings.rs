//! The settings and directories for subcommands that look at what PHP has left on the host: the same sources as in PHP,
//! save that php.ini is PHP's own; what stands there is given with `-d`, as to `php`.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
};

use clap::Args;
use pillion_engine::{
    Error, Result,
    config::{self, Settings, Sources, TABLE},
    host::{DirOptions, Dirs},
};

/// Where settings come from.
#[derive(Debug, Args)]
pub struct Given {
    /// A YAML file with settings, such as RoadRunner's `.rr.yaml` [env: PILLION_CONFIG]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A setting as in php.ini: `-d pillion.run_dir=/run/pillion`; may be repeated
    #[arg(short = 'd', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    define: Vec<(String, String)>,
}

fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("must be NAME=VALUE, such as pillion.run_dir=/run/pillion")?;
    let name = match name.starts_with("pillion.") {
        true => name.to_owned(),
        false => format!("pillion.{name}"),
    };
    if !TABLE.iter().any(|setting| setting.ini_name() == name) {
        return Err(format!("there is no setting {name}"));
    }
    Ok((name, value.to_owned()))
}

impl Given {
    /// All settings.
    ///
    /// # Errors
    /// Those that `capability` stands on are bad: the first one that is.
    pub fn settings(&self, capability: &str) -> Result<Settings> {
        let cwd = env::current_dir().unwrap_or_default();
        let mut defined: HashMap<&str, String> = self
            .define
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
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
            Some(problem) => Err(Error::Config(problem.to_string())),
            None => Ok(resolved.settings),
        }
    }

    /// The host's directories, as PHP of this user has them.
    ///
    /// # Errors
    /// One that the settings name is of no use.
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
