//! Files that may remain after the end of all processes and a cleaning: artifacts, and files of a fixed number.

use std::{collections::BTreeMap, fs, path::Path};

use rustix::fs::{FlockOperation, flock};

use crate::{
    checks::{binary_name, entry_name, files},
    environment::Environment,
    report::Report,
};

/// Checks that beside the artifacts only files of a fixed number are left.
pub fn nothing_is_left(
    environment: &Environment,
    disk: &BTreeMap<String, String>,
    report: &mut Report,
) {
    let mut others = 0;
    let all = files(&environment.state())
        .into_iter()
        .chain(files(environment.run_dir()));
    for (path, size) in all {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
        let leftover = name.ends_with(".tmp")
            || name.ends_with(".outcome")
            || name.starts_with(".secret-")
            || parent == "tmp"
            || parent == "presence";
        let named = |key: &str| disk.contains_key(key);
        let stray = match binary_name(&path) {
            Some((key, digits)) => !disk
                .get(key)
                .is_some_and(|sha256| sha256.starts_with(digits)),
            None => {
                name.len() == 20
                    && name.ends_with(".bin")
                    && !name.split('.').next().is_some_and(named)
            }
        };
        if leftover || stray {
            report.fail(
                "no file grows for ever: what killed processes leave is swept",
                &format!("{} ({size} bytes) is left", path.display()),
            );
        }
        let is_artifact = binary_name(&path).is_some()
            || entry_name(&path).is_some()
            || name.len() == 20 && name.ends_with(".bin");
        others += usize::from(!is_artifact);
        // The index is the largest file of ours; the journal is restarted beyond a mebibyte.
        if !is_artifact && size > 4 << 20 {
            report.fail(
                "no file grows for ever",
                &format!("{} has {size} bytes", path.display()),
            );
        }
    }
    // 256 flights with four files each, slots, and a handful.
    if others > 1200 {
        report.fail(
            "no file grows for ever",
            &format!("{others} files beside artifacts"),
        );
    }
    report.figure("files left beside artifacts", others);
}

/// The kernel frees the locks of dead processes, unless a child has inherited them.
pub fn no_lock_is_held(environment: &Environment, report: &mut Report) {
    let is_lock = |path: &Path| {
        path.extension()
            .is_some_and(|ending| ending == "lock" || ending == "lead" || ending == "wait")
    };
    let all = files(&environment.state())
        .into_iter()
        .chain(files(environment.run_dir()));
    for (path, _) in all.filter(|(path, _)| is_lock(path)) {
        let Ok(file) = fs::File::open(&path) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            report.fail(
                "no lost slot: the dead hold no lock",
                &format!("{} is held, and nobody lives", path.display()),
            );
        }
    }
}
