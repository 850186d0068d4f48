//! The directories that a process with these settings would use, found without a change of the host: nothing is
//! created, and no presence is removed. For diagnoses. Any thread.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{DirOptions, checked::examine, free_space, last_state_dir, run, state_candidates};
use crate::host::{files, lock::Lock, presence::PresenceInfo};

/// A larger presence was not written by Pillion.
const MAX_PRESENCE: u64 = 64 << 10;

/// Directories that may not exist.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// As [`super::Dirs::state`].
    pub state: PathBuf,
    /// As [`super::Dirs::run`].
    pub run: PathBuf,
    /// Other places in which processes of this host may have left files.
    pub other_runs: Vec<PathBuf>,
}

/// Finds both directories, as [`super::Dirs::resolve`] does. `gid` is the number of `pillion.group`.
#[must_use]
pub fn inspect(options: &DirOptions<'_>, gid: Option<u32>) -> Inspection {
    let state = options.state_dir.clone().unwrap_or_else(|| {
        let found = state_candidates(options)
            .into_iter()
            .find(|candidate| is_usable(candidate, gid));
        found.unwrap_or_else(|| last_state_dir(options))
    });
    if let Some(named) = options.run_dir.clone() {
        return Inspection {
            state,
            run: named,
            other_runs: Vec::new(),
        };
    }
    let last = state.join("run");
    let mut candidates = run::candidates(options);
    let is_alive = |run: &Path| !living(run).0.is_empty();
    let chosen = candidates.iter().find(|candidate| {
        let has_space = || free_space(nearest(candidate)) >= run::needed_space(candidate);
        is_usable(candidate, gid) && (is_alive(candidate) || !is_alive(&last) && has_space())
    });
    let run = chosen.unwrap_or(&last).clone();
    candidates.push(last);
    candidates.retain(|other| *other != run && other.is_dir());
    Inspection {
        state,
        run,
        other_runs: candidates,
    }
}

/// The processes that are alive, and the number of presences of dead ones, which the next process removes.
#[must_use]
pub fn living(run_dir: &Path) -> (Vec<PresenceInfo>, usize) {
    let entries = fs::read_dir(run_dir.join("presence"));
    let (mut alive, mut dead) = (Vec::new(), 0);
    for path in entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match Lock::is_held(&path) {
            Ok(true) => {
                let text = files::read(&path, MAX_PRESENCE).ok().flatten();
                alive.extend(text.and_then(|text| serde_json::from_slice(&text).ok()));
            }
            Ok(false) => dead += 1,
            Err(_) => {}
        }
    }
    (alive, dead)
}

/// Whether it can be used, or created.
fn is_usable(path: &Path, gid: Option<u32>) -> bool {
    match examine(path, gid) {
        Ok(problem) => problem.is_none(),
        Err(_) => access(nearest(path), Access::WRITE_OK | Access::EXEC_OK).is_ok(),
    }
}

/// The path, or the nearest directory above it that exists.
fn nearest(path: &Path) -> &Path {
    let mut ancestors = path.ancestors();
    ancestors.find(|path| path.exists()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Dirs, Presence, presence};

    #[test]
    fn inspection_finds_the_directories_and_creates_none() {
        let base = tempfile::tempdir().unwrap();
        let state_home = base.path().join("home").display().to_string();
        let memory = base.path().join("memory");
        let options = DirOptions {
            state_dir: None,
            run_dir: None,
            group: None,
            env: &|name| (name == "STATE_DIRECTORY").then(|| state_home.clone()),
            temporary: base.path().to_owned(),
            memory: memory.clone(),
        };
        let before = inspect(&options, None);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
        let dirs = Dirs::resolve(&options).unwrap();
        assert_eq!((&before.state, &before.run), (&dirs.state, &dirs.run));
        // A tmpfs appears while processes use the disk.
        fs::create_dir(&memory).unwrap();
        let presence = Presence::join(&dirs.run, presence::describe("cli", 1)).unwrap();
        fs::write(dirs.run.join("presence/1-dead.json"), "{}").unwrap();
        assert_eq!(inspect(&options, None).run, dirs.run);
        let (alive, dead) = living(&dirs.run);
        assert_eq!((alive.len(), dead), (1, 1));
        assert!(dirs.run.join("presence/1-dead.json").exists());
        drop(presence);
        assert!(inspect(&options, None).run.starts_with(&memory));
    }
}
