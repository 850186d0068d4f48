//! Which directory the host's processes share while they run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{DirOptions, check, effective_uid, named_dir, prepare, room, service_dir};
use crate::{
    Result,
    host::{files, presence},
};

/// What a tmpfs has to have left before the first segments are put there.
const ROOM: u64 = 16 << 20;
/// What it has to have left where they are there already: for a presence and the like. Segments without room are kept in
/// memory.
const LEAST_ROOM: u64 = 64 << 10;

/// The directory, and the others that may have been it. The first process decides for the host: room comes and goes, and
/// a second directory would divide limits, presences and outboxes.
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
    let name = match &options.group {
        Some(group) => format!("pillion-group-{group}"),
        None => format!("pillion-{}", effective_uid()),
    };
    let last = state.join("run");
    let memory = options.memory.is_dir().then(|| options.memory.join(name));
    let service = service_dir((options.env)("RUNTIME_DIRECTORY"));
    let candidates: Vec<PathBuf> = [service, memory].into_iter().flatten().collect();
    let chosen = candidates.iter().find(|candidate| {
        let suits = suits(candidate, gid, &last);
        suits.map_err(|why| warnings.extend(why)).is_ok()
    });
    let chosen = match chosen {
        Some(chosen) => chosen.clone(),
        None => prepare(&last, gid)?,
    };
    let others = candidates.into_iter().chain([last]);
    let others = others.filter(|other| *other != chosen && check(other, gid).is_ok());
    Ok((chosen.clone(), others.collect()))
}

/// Whether segments are put there, and not in `last`; else why not, where that is not as it should be.
fn suits(candidate: &Path, gid: Option<u32>, last: &Path) -> Result<(), Option<String>> {
    let ready = prepare(candidate, gid).map_err(|error| Some(error.to_string()))?;
    let is_used = fs::read_dir(&ready).is_ok_and(|mut entries| entries.next().is_some());
    if is_lived_in(last) && !is_lived_in(&ready) {
        return Err(None);
    }
    let needed = if is_used { LEAST_ROOM } else { ROOM };
    if room(&ready) >= needed || is_lived_in(&ready) {
        // Used from now on.
        let _ = files::make_dir(&ready.join("presence"));
        return Ok(());
    }
    Err(Some(format!(
        "{} has less than {} KiB left: segments are kept in state_dir",
        ready.display(),
        needed >> 10
    )))
}

fn is_lived_in(run: &Path) -> bool {
    !presence::living(&run.join("presence")).is_empty()
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
    fn the_first_process_decides_for_the_host() {
        let base = tempfile::tempdir().unwrap();
        let memory = base.path().join("memory");
        let on_disk = base.path().join("state/run");
        // No memory: the first one uses the disk, and all others as long as a process lives there.
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
        // Room came back while processes live on the disk: they are not left alone.
        let on_the_disk = Presence::join(&on_disk, presence::describe("cli", 1)).unwrap();
        let fourth = unset(base.path());
        assert_eq!(
            (fourth.run, fourth.other_runs),
            (on_disk.clone(), vec![third.run.clone()])
        );
        // Processes live in both: memory has the last word.
        let _in_memory = Presence::join(&third.run, presence::describe("cli", 1)).unwrap();
        assert_eq!(unset(base.path()).run, third.run);
        drop(on_the_disk);
        assert_eq!(unset(base.path()).other_runs, [on_disk]);
    }
}
