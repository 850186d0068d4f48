//! The two directories of the host, resolved after the process has its final user. Both are checked before use: owned
//! by this user (or shared through the group), no symbolic link, closed to other users. Once a process, on the thread
//! that first needs them.

mod checked;
mod inspect;
mod run;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use checked::prepare;
pub use checked::{DirProblem, examine};
pub use inspect::{Inspection, inspect, living};
use rustix::process::geteuid;

use crate::{Error, Result};

/// Sources of the directories.
pub struct DirOptions<'a> {
    /// `pillion.state_dir`.
    pub state_dir: Option<PathBuf>,
    /// `pillion.run_dir`.
    pub run_dir: Option<PathBuf>,
    /// `pillion.group`: the directories are 2770 and belong to it, instead of 0700.
    pub group: Option<String>,
    /// The environment: `STATE_DIRECTORY`, `RUNTIME_DIRECTORY`, `XDG_STATE_HOME`, `HOME`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The system's temporary directory, used if no other works.
    pub temporary: PathBuf,
    /// A directory in memory: `/dev/shm`.
    pub memory: PathBuf,
}

/// The resolved directories; both exist and are checked.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// Outlives a restart of the service.
    pub state: PathBuf,
    /// On tmpfs if there is one.
    pub run: PathBuf,
    /// Directories that processes of this host may have used in place of [`Dirs::run`], and left files in.
    pub other_runs: Vec<PathBuf>,
    /// Logged once: unexpected permissions or locations.
    pub warnings: Vec<String>,
    gid: Option<u32>,
}

impl Dirs {
    /// Finds and creates both directories.
    ///
    /// # Errors
    /// A directory that the settings name can't be created or is not this user's; or no candidate works.
    pub fn resolve(options: &DirOptions<'_>) -> Result<Self> {
        let named = options.group.as_deref();
        let gid = named
            .map(|name| group_id("pillion.group", name))
            .transpose()?;
        let mut warnings = Vec::new();
        let state = state_dir(options, gid, &mut warnings)?;
        let (run, other_runs) = run::find(options, gid, &state, &mut warnings)?;
        Ok(Self {
            state,
            run,
            other_runs,
            warnings,
            gid,
        })
    }

    /// The id of `pillion.group`, which shares every directory of the host.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        self.gid
    }

    /// Creates a removed directory again, and checks both. May wait for a disk.
    ///
    /// # Errors
    /// One can't be created, or is not this user's any more.
    pub fn restore(&self) -> Result<()> {
        prepare(&self.state, self.gid)?;
        prepare(&self.run, self.gid).map(drop)
    }
}

fn state_dir(
    options: &DirOptions<'_>,
    gid: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<PathBuf> {
    if let Some(named) = &options.state_dir {
        return prepare(named, gid).map_err(|error| named_dir("state_dir", &error));
    }
    for candidate in state_candidates(options) {
        if let Ok(ready) = prepare(&candidate, gid) {
            return Ok(ready);
        }
    }
    let last = last_state_dir(options);
    warnings.push(format!(
        "state is kept in {}, which services often have emptied: set pillion.state_dir",
        last.display()
    ));
    prepare(&last, gid)
}

/// The places of an unnamed `state_dir`, the preferred one first.
fn state_candidates(options: &DirOptions<'_>) -> Vec<PathBuf> {
    let uid = geteuid().as_raw();
    let home = (options.env)("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from((options.env)("HOME")?).join(".local/state")));
    let candidates = [
        service_dir((options.env)("STATE_DIRECTORY")),
        Some(PathBuf::from(format!("/var/lib/pillion/{uid}"))),
        home.filter(|home| home.is_absolute())
            .map(|home| home.join("pillion")),
    ];
    candidates.into_iter().flatten().collect()
}

/// The place where none of the candidates works.
fn last_state_dir(options: &DirOptions<'_>) -> PathBuf {
    let uid = geteuid().as_raw();
    options.temporary.join(format!("pillion-{uid}"))
}

/// A directory in the first of a systemd list, which is separated by colons.
fn service_dir(value: Option<String>) -> Option<PathBuf> {
    let first = PathBuf::from(value?.split(':').next()?.to_owned());
    first.is_absolute().then(|| first.join("pillion"))
}

fn named_dir(setting: &str, error: &Error) -> Error {
    Error::Config(format!("pillion.{setting}: {error}"))
}

/// Returns the number of a group that `setting` names.
///
/// # Errors
/// [`Error::Config`] if `/etc/group` has no group of this name.
pub fn group_id(setting: &str, name: &str) -> Result<u32> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.nth(1)?))
        })
        .find(|(group, _)| *group == name)
        .and_then(|(_, id)| id.parse().ok())
        .ok_or_else(|| {
            Error::Config(format!(
                "{setting}: found {name:?} (no group of /etc/group); expected the name or the number of one"
            ))
        })
}

/// Free bytes for this user on the file system of `path`; 0 if they are unknown.
#[must_use]
pub fn free_space(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
