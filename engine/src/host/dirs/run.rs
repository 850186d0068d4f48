//! Choice of the directory that the host's processes share while they run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::{
    DirOptions,
    checked::{check, prepare},
    free_space, named_dir, service_dir,
};
use crate::{
    Result,
    host::{files, presence},
};

/// Free space that a tmpfs must have before the first segments are created there.
const MIN_SPACE_EMPTY: u64 = 16 << 20;
/// Free space that it must have once they are there: for a presence and the like. A segment without space is private
/// memory of its process.
const MIN_SPACE_USED: u64 = 64 << 10;

/// Returns the directory, and the others that may have been it. The first process decides for the host, because free
/// space comes and goes, and a second directory would divide limits, presences and outboxes.
pub(super) fn find(
    options: &DirOptions<'_>,
    gid: Option<u32>,
    state: &Path,
    warnings: &mut Vec<String>,
) -> Result<(PathBuf, Vec<PathBuf>)> {
    if let Some(named) = &options.run_dir {
        let ready = prepare(named, gid).map_err(|error| named_dir("run_dir", &error))?;
        return Ok((ready, Vec::new()));
    }
    let last = state.join("run");
    let candidates = candidates(options);
    let chosen = candidates.iter().find(|candidate| {
        let usable = check_usable(candidate, gid, &last);
        usable.map_err(|why| warnings.extend(why)).is_ok()
    });
    let chosen = match chosen {
        Some(chosen) => chosen.clone(),
        None => prepare(&last, gid)?,
    };
    let others = candidates.into_iter().chain([last]);
    let others = others.filter(|other| *other != chosen && check(other, gid).is_ok());
    Ok((chosen.clone(), others.collect()))
}

/// The places of an unnamed `run_dir` in memory, the preferred one first.
pub(super) fn candidates(options: &DirOptions<'_>) -> Vec<PathBuf> {
    let name = match &options.group {
        Some(group) => format!("pillion-group-{group}"),
        None => format!("pillion-{}", geteuid().as_raw()),
    };
    let memory = options.memory.is_dir().then(|| options.memory.join(name));
    let service = service_dir((options.env)("RUNTIME_DIRECTORY"));
    [service, memory].into_iter().flatten().collect()
}

/// Free space that a candidate needs, which processes of the host may have used already.
pub(super) fn needed_space(run: &Path) -> u64 {
    let is_used = fs::read_dir(run).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        MIN_SPACE_USED
    } else {
        MIN_SPACE_EMPTY
    }
}

/// Checks that segments can be in `candidate`, and not in `last`.
///
/// # Errors
/// The warning, if there is something to warn of.
fn check_usable(candidate: &Path, gid: Option<u32>, last: &Path) -> Result<(), Option<String>> {
    let ready = prepare(candidate, gid).map_err(|error| Some(error.to_string()))?;
    if has_living_processes(last) && !has_living_processes(&ready) {
        return Err(None);
    }
    let needed = needed_space(&ready);
    if free_space(&ready) >= needed || has_living_processes(&ready) {
        // Used from now on.
        let _ = files::create_dir(&ready.join("presence"));
        return Ok(());
    }
    Err(Some(format!(
        "{} has less than {} KiB left: segments are kept in state_dir",
        ready.display(),
        needed >> 10
    )))
}

fn has_living_processes(run: &Path) -> bool {
    !presence::list_alive(&run.join("presence")).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Dirs, Presence};

    fn options<'a>(base: &Path, env: &'a dyn Fn(&str) -> Option<String>) -> DirOptions<'a> {
        DirOptions {
            state_dir: Some(base.join("state")),
            run_dir: None,
            group: None,
            env,
            temporary: base.to_owned(),
            memory: base.join("memory"),
        }
    }

    /// As a process without settings on a machine with that directory in memory.
    fn unset(base: &Path) -> Dirs {
        Dirs::resolve(&options(base, &|_| None)).unwrap()
    }

    #[test]
    fn first_process_decides_for_the_host() {
        let base = tempfile::tempdir().unwrap();
        let memory = base.path().join("memory");
        let on_disk = base.path().join("state/run");
        // No tmpfs: the first one uses the disk, and all others as long as a process is alive there.
        let first = unset(base.path());
        assert_eq!((&first.run, first.other_runs.len()), (&on_disk, 0));
        let presence = Presence::join(&first.run, presence::describe("cli", 1)).unwrap();
        fs::create_dir(&memory).unwrap();
        let second = unset(base.path());
        assert_eq!(second.run, on_disk);
        assert!(second.warnings.is_empty(), "{:?}", second.warnings);
        drop(presence);
        let third = unset(base.path());
        assert!(third.run.starts_with(&memory) && third.warnings.is_empty());
        assert_eq!(third.other_runs, std::slice::from_ref(&on_disk));
        // Space comes back while processes use the disk: they are joined there.
        let on_the_disk = Presence::join(&on_disk, presence::describe("cli", 1)).unwrap();
        let fourth = unset(base.path());
        assert_eq!(
            (fourth.run, fourth.other_runs),
            (on_disk.clone(), vec![third.run.clone()])
        );
        // Processes use both: memory wins.
        let _in_memory = Presence::join(&third.run, presence::describe("cli", 1)).unwrap();
        assert_eq!(unset(base.path()).run, third.run);
        drop(on_the_disk);
        assert_eq!(unset(base.path()).other_runs, [on_disk]);
    }
}
