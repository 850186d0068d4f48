//! The directories of the host, the artifact cache, and the queues of Sentry: owner, mode, group, links, file systems.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use pillion_engine::host::dirs::{DirProblem, examine as examine_dir};
use rustix::{
    fs::{Access, access},
    process::{getegid, geteuid, getgroups},
};

use super::{mounts::Mount, report::Report, subject::Subject};
use crate::users;

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let gid = subject.group.clone().unwrap_or_default();
    let host = &subject.settings().host;
    if geteuid().is_root() && (host.run_dir.is_none() || host.state_dir.is_none()) {
        report.warn(
            "user",
            "root, and each user has directories of its own",
            "run it as the user of PHP (`sudo -u www-data pillion doctor`), or set pillion.state_dir and pillion.run_dir",
        );
    }
    if let Some(gid) = gid
        && !geteuid().is_root()
        && getegid().as_raw() != gid
        && !getgroups().is_ok_and(|groups| groups.iter().any(|group| group.as_raw() == gid))
    {
        report.fail(
            "group",
            "this user is not in pillion.group",
            "add it to the group (`usermod -aG GROUP USER`), and start its processes again",
        );
    }
    let has_state = state_dir(subject, gid, report);
    let has_run = run_dir(subject, gid, report);
    let settings = subject.settings();
    if settings.velox.cache.enabled {
        artifacts(&subject.artifacts(), report);
    }
    if settings.sentry.dsn.is_some() {
        let (queue, has_parent) = match settings.sentry.on_disk {
            true => (subject.dirs.state.join("sentry/outbox"), has_state),
            false => (subject.dirs.run.join("sentry"), has_run),
        };
        // A directory that is not usable was reported, and all below it is not either.
        if has_parent {
            below("sentry queue", &queue, gid, report);
        }
        if has_state {
            let dead = subject.dirs.state.join("sentry/dead");
            below("sentry dead letters", &dead, gid, report);
        }
    }
}

/// Returns whether it can be used.
fn state_dir(subject: &Subject, gid: Option<u32>, report: &mut Report) -> bool {
    const CHECK: &str = "state_dir";
    let path = &subject.dirs.state;
    let Some((mount, place)) = writable_mount(CHECK, path, gid, report) else {
        return false;
    };
    if mount.is_memory() {
        let advice = "set pillion.state_dir to a directory on a disk: artifacts and dead letters end with the machine";
        report.warn(CHECK, place, advice);
    } else if mount.is_network() {
        let advice = "give each host a pillion.state_dir of its own, on a local disk";
        report.warn(CHECK, place, advice);
    } else if subject.settings().host.state_dir.is_none() && path.starts_with(std::env::temp_dir())
    {
        let advice = "set pillion.state_dir: services often have their temporary directory emptied";
        report.warn(CHECK, place, advice);
    } else {
        report.ok(CHECK, place);
    }
    true
}

/// As [`state_dir`].
fn run_dir(subject: &Subject, gid: Option<u32>, report: &mut Report) -> bool {
    const CHECK: &str = "run_dir";
    let path = &subject.dirs.run;
    let Some((mount, place)) = writable_mount(CHECK, path, gid, report) else {
        return false;
    };
    if mount.is_network() {
        let advice = "set pillion.run_dir to a directory on tmpfs: processes of several machines must not share it";
        report.fail(CHECK, place, advice);
    } else if mount.is_memory() {
        report.ok(CHECK, place);
    } else {
        let advice = "set pillion.run_dir to a directory on tmpfs, such as /run/pillion: stores wait for the disk";
        report.warn(CHECK, place, advice);
    }
    true
}

/// The mount of a usable directory, and both in words. Reports a directory that is not usable; `check` is its setting.
fn writable_mount(
    check: &'static str,
    path: &Path,
    gid: Option<u32>,
    report: &mut Report,
) -> Option<(Mount, String)> {
    if !is_usable(check, path, gid, report) {
        return None;
    }
    let mount = Mount::of(path)?;
    let place = describe(path, &mount);
    if mount.is_read_only {
        let advice = format!("mount it writable, or set pillion.{check}");
        report.fail(check, format!("{place}, read-only"), advice);
        return None;
    }
    Some((mount, place))
}

/// The cache of artifacts may lie anywhere and belong to anyone, as long as this user can write it.
fn artifacts(path: &Path, report: &mut Report) {
    const CHECK: &str = "artifact cache";
    if !path.exists() {
        below_missing(CHECK, path, report);
    } else if !path.is_dir() {
        let advice = "remove the file, or set velox.cache.dir";
        report.fail(CHECK, format!("{} is no directory", path.display()), advice);
    } else if access(path, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let advice =
            "make it writable for the user of PHP, or set velox.cache.dir: builds are not kept";
        report.warn(CHECK, format!("{} is not writable", path.display()), advice);
    } else if path.metadata().is_ok_and(|found| found.mode() & 0o002 != 0) {
        let advice = format!(
            "chmod o-w {}: any user could replace a binary",
            path.display()
        );
        report.fail(
            CHECK,
            format!("{} is writable for all users", path.display()),
            advice,
        );
    } else if let Some(mount) = Mount::of(path) {
        report.ok(CHECK, describe(path, &mount));
    }
}

/// A directory that Pillion creates inside of the two.
fn below(check: &'static str, path: &Path, gid: Option<u32>, report: &mut Report) {
    match path.symlink_metadata() {
        Err(_) => below_missing(check, path, report),
        Ok(_) => {
            if is_usable(check, path, gid, report) {
                report.ok(check, path.display().to_string());
            }
        }
    }
}

fn below_missing(check: &'static str, path: &Path, report: &mut Report) {
    match creatable(path) {
        Ok(()) => report.ok(
            check,
            format!("{}, created when it is needed", path.display()),
        ),
        Err(parent) => report.fail(
            check,
            format!(
                "{} can't be created in {}",
                path.display(),
                parent.display()
            ),
            "create it for the user of PHP, with mode 0700",
        ),
    }
}

/// Reports each problem of a directory.
fn is_usable(check: &'static str, path: &Path, gid: Option<u32>, report: &mut Report) -> bool {
    let shown = path.display();
    match examine_dir(path, gid) {
        Ok(None) => true,
        Ok(Some(problem)) => {
            let found = match users::other_owner(path) {
                Some(owner) if problem == DirProblem::OtherUser => {
                    format!("{shown} belongs to {owner}")
                }
                _ => format!("{shown}: {problem}"),
            };
            report.fail(check, found, advice(problem, path, gid));
            false
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match creatable(path) {
            Ok(()) => true,
            Err(parent) => {
                let mode = if gid.is_some() { "2770" } else { "0700" };
                report.fail(
                    check,
                    format!(
                        "{shown} does not exist, and this user can't create it in {}",
                        parent.display()
                    ),
                    format!("create it for the user of PHP, with mode {mode}"),
                );
                false
            }
        },
        Err(error) => {
            let advice = "let the user of PHP enter the directories above it";
            report.fail(check, format!("{shown}: {error}"), advice);
            false
        }
    }
}

fn advice(problem: DirProblem, path: &Path, gid: Option<u32>) -> String {
    let shown = path.display();
    match (problem, gid) {
        (DirProblem::SymbolicLink, _) => "name the directory itself in the setting".into(),
        (DirProblem::NotDirectory, _) => "remove the file, or name another directory".into(),
        (DirProblem::OtherGroup, Some(gid)) => format!("chgrp {gid} {shown}"),
        (DirProblem::OtherGroup, None) => format!("chgrp the group of pillion.group on {shown}"),
        (DirProblem::OtherUser, _) => {
            let owner = users::other_owner(path).unwrap_or_default();
            format!(
                "{} runs as its owner; pillion.group lets several users share it",
                users::sudo(&owner, "doctor")
            )
        }
        (DirProblem::OpenToOthers, None) => format!("chmod 0700 {shown}"),
        (DirProblem::OpenToOthers, Some(_)) => format!("chmod 2770 {shown}"),
        (DirProblem::NotWritable, None) => format!("chmod u+rwx {shown}"),
        (DirProblem::NotWritable, Some(_)) => format!("chmod 2770 {shown}"),
    }
}

/// Whether this user can create a directory; else the existing directory in which it can't.
fn creatable(path: &Path) -> Result<(), PathBuf> {
    let parent = path.ancestors().skip(1).find(|path| path.exists());
    let parent = parent.unwrap_or(Path::new("/"));
    let is_writable = access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    match parent.is_dir() && is_writable {
        true => Ok(()),
        false => Err(parent.to_owned()),
    }
}

fn describe(path: &Path, mount: &Mount) -> String {
    let kind = match mount.kind.as_str() {
        "" => "a file system of unknown type",
        kind => kind,
    };
    let missing = match path.exists() {
        true => "",
        false => ", created by the first process",
    };
    format!("{} on {kind}{missing}", path.display())
}
